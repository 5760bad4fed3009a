/* What a Master that cannot do what it is asked says, beside its core. */

export const busy = {
  type: 'Failure',
  code: 'FIRESTEEL_BUSY',
  message: 'the Master has as much work queued as it may hold',
} as const

export const ended = {
  type: 'Failure',
  code: 'FIRESTEEL_NOT_LEADER',
  message: 'the leadership of this Master has ended; the request was not done',
} as const

export const outcomeUnknown = {
  type: 'Failure',
  code: 'FIRESTEEL_OUTCOME_UNKNOWN',
  message: 'the leadership of this Master ended while the request was being written',
} as const

/** Whoever repeats it is let in once something has ended. */
export const tooMuchHeld = {
  type: 'Failure',
  code: 'FIRESTEEL_BUSY',
  message: 'the Master holds as many records as its heap allows; it takes new ones when others have ended',
} as const
