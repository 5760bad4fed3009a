import type { DriverStateChanged } from './drivers.js'
import type { EndCause } from './explanation.js'

/* How a generation of a driver ended, as its Worker reports it. Master and Worker use this one rule. */

/** The fields of the report that decide it. */
export type ReportedEnd = Pick<
  DriverStateChanged,
  'state' | 'noRoom' | 'decided' | 'notStarted' | 'isolated' | 'stopped' | 'drained' | 'crashes' | 'givenUp'
>

/**
 * - own: its program ended by itself
 * - refused: its Worker lacked capacity, or had already decided on that generation
 * - unstarted: its last attempt never had a process
 * - stopped: its Worker stopped it, because it had no contact with a leader, is drained, or is being stopped
 *   itself
 * - crashed: it ended several times soon after its start, and its Worker gives it back
 */
export type EndKind = 'own' | 'refused' | 'unstarted' | 'stopped' | 'crashed'

export function endKindOf(end: Omit<ReportedEnd, 'state'>): EndKind {
  if (end.noRoom || end.decided !== undefined) return 'refused'
  if (end.notStarted) return 'unstarted'
  if (end.isolated || end.stopped || end.drained) return 'stopped'
  return end.crashes === undefined ? 'own' : 'crashed'
}

/**
 * True: the driver must not run again, whichever leader launched it. A supervised driver may have been killed
 * to run elsewhere, which only a forgotten leadership knew. So it must have finished.
 */
export function isForGood(end: ReportedEnd, supervise: boolean): boolean {
  const kind = endKindOf(end)
  if (kind === 'refused' || kind === 'unstarted') return false
  return !supervise || (kind === 'own' && (end.state === 'FINISHED' || end.givenUp === true))
}

/** Why it has ended for good, for people. `isKilled`: its end was asked for. */
export function endCauseOf(end: ReportedEnd, isKilled: boolean): EndCause {
  const kind = endKindOf(end)
  if (isKilled && (kind !== 'own' || end.state !== 'FINISHED')) return 'KILL_ASKED'
  if (kind === 'unstarted') return 'NOT_STARTED'
  if (kind === 'stopped') return 'WORKER_STOPPED'
  return end.givenUp ? 'GIVEN_UP' : 'OWN'
}
