import type { ReportedEnd } from '../messages/driver-end.js'
import type { DriverStateChanged } from '../messages/drivers.js'
import type { NotStarted } from '../messages/launch-failures.js'
import type { ChangeDraft } from './change.js'
import type { DriverEntry } from './driver-entry.js'
import type { ProcessEnd } from './worker-events.js'

export const SHUTDOWN = 'Worker shutting down'
export const DRAINED = 'its Worker is drained'
export const ISOLATED = 'its Worker had no contact with a leader (onIsolation: stop)'

/** How a generation ended. */
export type DriverEnd = ReportedEnd &
  Pick<DriverStateChanged, 'exitCode' | 'signal'> & { readonly message: string }

/** The reason for a generation that never had a process. */
export const NEVER_RAN: NotStarted = { code: 'FIRESTEEL_NOT_ALLOWED' }

const stopsOfWorker: ReadonlySet<string | undefined> = new Set([ISOLATED, SHUTDOWN, DRAINED])

/** The Worker stopped it for a reason of its own, so that its exit code says nothing. */
export const stoppedByWorker = ({ killedBecause }: DriverEntry): boolean => stopsOfWorker.has(killedBecause)

/** The exit code or the signal, whichever there is. */
export const howOf = ({ exitCode, signal }: ProcessEnd) => ({
  ...(exitCode !== null && { exitCode }),
  ...(signal !== null && { signal }),
})

/** The end of a generation that was stopped, with whatever it was stopped for. */
export function killedEnd({ killedBecause, launch, attempt }: DriverEntry): DriverEnd {
  const message = killedBecause ?? 'killed'
  const stopped = message === SHUTDOWN
  const drained = message === DRAINED
  const leaves = stopped || drained
  // An unsupervised driver runs once, so a stop is its end. A driver that never ran is placed elsewhere.
  const ended = leaves && !launch.description.supervise && attempt > 0
  const notStarted = leaves && attempt === 0 ? NEVER_RAN : undefined
  return {
    state: ended ? 'FAILED' : 'KILLED',
    message,
    isolated: message === ISOLATED,
    stopped,
    drained,
    notStarted,
  }
}

type DriverDraft = Extract<ChangeDraft, { type: 'DriverStateChanged' }>

/** What the Master is told of an end. A field that says nothing is absent. */
export function changeOf({ launch, attempt, life }: DriverEntry, end: DriverEnd): DriverDraft {
  const { state, message, exitCode, signal, noRoom, isolated, decided, notStarted, stopped, drained } = end
  const { crashes, givenUp } = end
  return {
    type: 'DriverStateChanged',
    driverId: launch.driverId,
    generation: launch.generation,
    attempt: Math.max(1, attempt),
    state,
    ...(message !== '' && { message }),
    ...(exitCode !== undefined && { exitCode }),
    ...(signal !== undefined && { signal }),
    ...(noRoom && { noRoom }),
    ...(isolated && { isolated }),
    ...(decided !== undefined && { decided }),
    ...(notStarted && { notStarted }),
    ...(stopped && { stopped }),
    ...(drained && { drained }),
    ...(crashes !== undefined && { crashes }),
    ...(givenUp && { givenUp }),
    ...(life.starts > 0 && { life }),
  }
}
