import type { DriverStateChanged } from './drivers.js'

/* How a generation of a driver has ended, as its Worker says: one rule for Master and Worker. */

/** What tells it. */
export type ReportedEnd = Pick<
  DriverStateChanged,
  'state' | 'noRoom' | 'decided' | 'notStarted' | 'isolated' | 'stopped' | 'crashes'
>

/**
 * - own: its program has ended by itself
 * - refused: its Worker had no room, or has decided on that generation before
 * - unstarted: there was never a process of its last attempt
 * - stopped: its Worker stopped it, because it heard no leader or is being stopped itself
 * - crashed: it ended over and over soon after its start, and its Worker gives it back
 */
export type EndKind = 'own' | 'refused' | 'unstarted' | 'stopped' | 'crashed'

export function endKindOf(end: Omit<ReportedEnd, 'state'>): EndKind {
  if (end.noRoom || end.decided !== undefined) return 'refused'
  if (end.notStarted) return 'unstarted'
  if (end.isolated || end.stopped) return 'stopped'
  return end.crashes === undefined ? 'own' : 'crashed'
}

/**
 * Whoever launched it: it is not to run again. One that is supervised may have been killed there to run elsewhere, which only a
 * leadership that is forgotten knew: it must have finished.
 */
export function isForGood(end: ReportedEnd, supervise: boolean): boolean {
  const kind = endKindOf(end)
  if (kind === 'refused' || kind === 'unstarted') return false
  return !supervise || (kind === 'own' && end.state === 'FINISHED')
}
