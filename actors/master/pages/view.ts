import type { TracedMessage } from '../../../runtime/trace/merged-trace.js'
import type { MessageSearch } from '../../../runtime/trace/newest-messages.js'
import type { NewestMessages } from '../../../runtime/trace/ring.js'
import type {
  ApplicationView,
  DriverStatus,
  MasterStateResponse,
  WorkerStatus,
} from '../../messages/status.js'
import type { Leadership } from '../leadership-history.js'
import type { LogHome } from '../log-location.js'
import type { Detailed } from '../snapshot.js'
import type { TaskStream } from '../task-streams.js'
import type { UsageSample } from '../usage-history.js'

/** One setting in force. */
export interface SettingRow {
  /** As the deployment file names it. */
  readonly key: string
  readonly value: string
}

/** What the pages of a Master show. It never changes once it is taken. */
export interface MasterPageView {
  readonly state: MasterStateResponse
  /** Name of this node. */
  readonly node: string
  readonly settings: readonly SettingRow[]
  /** What was in use, oldest first. */
  readonly usage: readonly UsageSample[]
  /** Which Masters have led, as far as this one has seen it, oldest first. */
  readonly leaderships: readonly Leadership[]
  /** All that is known of one thing now. */
  readonly detailed: (id: string) => Detailed
  /** The election of this Master and all that it led to, as far as its trace ring holds it. */
  readonly failover: () => readonly TracedMessage[]
  /** What this Master said and heard about this driver or application, as far as its trace ring holds it. */
  readonly messagesOf: (id: string) => readonly TracedMessage[]
  /** The newest messages of this Master that are looked for; undefined: it keeps no trace. */
  readonly newestMessages: (search: MessageSearch) => NewestMessages | undefined
  /** The first messages of one trace that this Master sent or received, oldest first. */
  readonly messagesOfTrace: (trace: number) => readonly TracedMessage[]
  /** What an application says of its tasks; undefined: nothing, in this leadership. */
  readonly taskStream: (appId: string) => TaskStream | undefined
  /** The Workers on which a driver or executor ran, the newest last. */
  readonly logHomes: (id: string) => readonly LogHome[]
}

/** Only a Master that leads knows Workers, applications and drivers. */
export const leads = ({ state }: MasterPageView): boolean => state.state !== 'STANDBY'

const workersById = new WeakMap<readonly WorkerStatus[], ReadonlyMap<string, WorkerStatus>>()

/** The Worker of this id, as far as it is known. */
export function workerOf({ state: { workers } }: MasterPageView, id: string): WorkerStatus | undefined {
  const known = workersById.get(workers) ?? new Map(workers.map((worker) => [worker.id, worker]))
  workersById.set(workers, known)
  return known.get(id)
}

const withId = <T extends { readonly id: string }>(id: string, ...lists: readonly (readonly T[])[]) => {
  for (const list of lists) {
    const found = list.find((row) => row.id === id)
    if (found) return found
  }
  return undefined
}

export const applicationOf = ({ state }: MasterPageView, id: string): ApplicationView | undefined =>
  withId(id, state.activeApps, state.completedApps)

export const driverOf = ({ state }: MasterPageView, id: string): DriverStatus | undefined =>
  withId(id, state.activeDrivers, state.completedDrivers)

/** Its process lives, whether it takes work or not. */
export const isThere = (worker: WorkerStatus | undefined): boolean =>
  worker?.state === 'ALIVE' || worker?.state === 'DECOMMISSIONED'

/** The Worker, if it can be asked for what it keeps. */
export const logHomeOf = (view: MasterPageView, workerId: string): string | undefined =>
  isThere(workerOf(view, workerId)) ? workerId : undefined
