import { limits } from '../../runtime/limits.js'
import type { Abandoned } from '../../runtime/persistence/commit-queue.js'
import type { StoreDegradation } from '../../runtime/persistence/engine.js'
import type { Failure, RecoveryState } from '../messages/common.js'

/* What a Master says that does not do what it is asked. */

export const notLeader = (address: string, state: RecoveryState, leader?: string) =>
  ({
    type: 'Failure',
    code: 'FIRESTEEL_NOT_LEADER',
    message: `the Master at ${address} is ${state}`,
    ...(leader !== undefined && { leader }),
  }) as const

export const readingKeys = {
  type: 'Failure',
  code: 'FIRESTEEL_NOT_LEADER',
  message: 'the Master has just been elected and still reads the keys of ended drivers',
} as const

export const storeRefuses = (code: StoreDegradation) =>
  ({
    type: 'Failure',
    code: `FIRESTEEL_${code}`,
    message: code === 'STORE_FULL' ? 'the store has no room for a new record' : 'the store does not answer',
  }) as const

export const busy = {
  type: 'Failure',
  code: 'FIRESTEEL_BUSY',
  message: 'the Master has as much work queued as it may hold',
} as const

const ended = {
  type: 'Failure',
  code: 'FIRESTEEL_NOT_LEADER',
  message: 'the leadership of this Master has ended; the request was not done',
} as const

const outcomeUnknown = {
  type: 'Failure',
  code: 'FIRESTEEL_OUTCOME_UNKNOWN',
  message: 'the leadership of this Master ended while the request was being written',
} as const

/** What the end of a leadership leaves of its effects, each with the Failure that answers a request. */
export function* failuresOf<P extends object>({
  neverSent,
  unknown,
}: Abandoned<P>): Generator<P & { readonly failure: Failure }> {
  for (const pending of neverSent) yield { ...pending, failure: ended }
  for (const pending of unknown) yield { ...pending, failure: outcomeUnknown }
}

/** As many applications live as this limit allows. */
export const tooMany = (who: string, limit: 'applicationsPerLink' | 'applications') =>
  ({
    type: 'Failure',
    code: 'FIRESTEEL_BUSY',
    message: `${who} ${limits[limit]} live applications, and may have no more (limit ${limit}); one must end first`,
  }) as const

/** A repeated request is accepted once something has ended. */
export const tooMuchHeld = {
  type: 'Failure',
  code: 'FIRESTEEL_BUSY',
  message: 'the Master holds as many records as its heap allows; it takes new ones when others have ended',
} as const
