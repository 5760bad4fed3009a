import { groupedBy } from '../../runtime/grouped-by.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type {
  ApplicationStatus,
  ApplicationView,
  ExecutorStatus,
  MasterStateResponse,
} from '../messages/status.js'
import type { ClusterState } from './cluster-state.js'
import { endedViews } from './ended-rows.js'
import { headOf, noRows, rowsOf, type SnapshotRows, type StateHead } from './snapshot.js'
import type { Now } from './step.js'

/**
 * Heartbeats change a Worker's row but not the cluster state, so its age is shown with this delay at most.
 */
const HEARTBEATS_SHOWN_MS = innerLimits.heartbeatsShownMs

/** The whole state and its version. The same version is the same object. */
export interface MasterSnapshot extends MasterStateResponse {
  readonly version: number
}

/**
 * The state of a Master for commands and pages, made once for all readers. Rows are remade only when a step
 * has changed something, or after a second, so frequent readers get the same arrays. A driver that did not
 * change keeps its row object even then. To derive something costly, such as the text of a page, keep it in a
 * WeakMap by these arrays or rows, or by `version`, and work through them in slices: they never change once
 * they are handed out.
 */
export class SnapshotCache {
  #version = 0
  #changed = true
  #takenAtMs = 0
  #rows: SnapshotRows = noRows
  #whole: MasterSnapshot | undefined

  /** Call it when a step may have changed the rows. */
  touch(): void {
    this.#changed = true
  }

  /** It rises with each new set of rows. */
  get version(): number {
    return this.#version
  }

  rows(cluster: ClusterState | undefined, now: Now): SnapshotRows {
    const aged = now.monotonicMs - this.#takenAtMs >= HEARTBEATS_SHOWN_MS
    if (this.#changed || aged) {
      this.#rows = cluster ? rowsOf(cluster, now) : noRows
      this.#changed = false
      this.#takenAtMs = now.monotonicMs
      this.#version++
      this.#whole = undefined
    }
    return this.#rows
  }

  /** The head is always current: position and staleness need no new rows. */
  whole(head: StateHead, cluster: ClusterState | undefined, now: Now): MasterSnapshot {
    const rows = this.rows(cluster, now)
    this.#whole ??= { ...headOf(head), ...assembled(rows), version: this.#version }
    return { ...this.#whole, ...headOf(head) }
  }
}

function assembled(rows: SnapshotRows) {
  const executors = groupedBy<ExecutorStatus, string>(rows.executors.rows, ({ appId }) => [appId])
  const withExecutors = (app: ApplicationStatus): ApplicationView => {
    const own = executors.get(app.id)
    return own ? { ...app, executors: own } : withoutExecutors(app)
  }
  return {
    workers: rows.workers.rows,
    activeApps: rows.activeApps.rows.map(withExecutors),
    completedApps: endedViews(rows.completedApps.rows),
    activeDrivers: rows.activeDrivers.rows,
    completedDrivers: rows.completedDrivers.rows,
  }
}

const idle = new WeakMap<ApplicationStatus, ApplicationView>()

/** The same object for the same row: most of very many have no executors. */
function withoutExecutors(app: ApplicationStatus): ApplicationView {
  const known = idle.get(app)
  if (known) return known
  const view = { ...app, executors: [] }
  idle.set(app, view)
  return view
}
