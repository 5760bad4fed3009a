import type { DriverStateChanged } from '../messages/drivers.js'
import type { ExecutorStateChanged } from '../messages/executors.js'

/* What ended or changed on a Worker, for its Masters (protocol S5, R5). */

export type Change = DriverStateChanged | ExecutorStateChanged
type Draft<C extends Change> = Omit<C, 'workerId' | 'change'>
/** A change that has no number yet. */
export type ChangeDraft = Draft<DriverStateChanged> | Draft<ExecutorStateChanged>

/** The subject of a change. Only the newest change of each subject is kept. */
export function subjectOf(draft: ChangeDraft): string {
  return draft.type === 'DriverStateChanged'
    ? `${draft.driverId}/${draft.generation}`
    : `${draft.appId}/${draft.execId}`
}
