const forNow: ReadonlySet<string> = new Set([
  'FIRESTEEL_NOT_LEADER',
  'FIRESTEEL_OUTCOME_UNKNOWN',
  'FIRESTEEL_BUSY',
  'FIRESTEEL_STORE_FULL',
  'FIRESTEEL_STORE_UNAVAILABLE',
  'FIRESTEEL_ASK_TIMEOUT',
  'FIRESTEEL_LINK_CLOSED',
  'FIRESTEEL_MAILBOX_FULL',
  'FIRESTEEL_ACTOR_STOPPED',
])

/** Codes after which the same request may be sent again, until the caller's deadline (protocol 15). */
export function isForNow(code: string): boolean {
  return forNow.has(code)
}

const unknown: ReadonlySet<string> = new Set([
  'FIRESTEEL_OUTCOME_UNKNOWN',
  'FIRESTEEL_ASK_TIMEOUT',
  'FIRESTEEL_LINK_CLOSED',
])

/** The request may have been done, so it is repeated only once per epoch (protocol 15). */
export function isUnknownOutcome(code: string): boolean {
  return unknown.has(code)
}
