import { limits } from '../../runtime/limits.js'
import {
  type ApplicationDescription,
  type ApplicationSummary,
  type DriverState,
  type ExecutorState,
  type ResourceAddresses,
  summaryOfApplication,
} from '../messages/common.js'
import type { LaunchExecutor } from '../messages/executors.js'
import type { Confinement } from '../messages/workers.js'
import type { ShownDrain } from './worker-drain.js'

/* What a Worker shows of itself, on `/json/` and to tests. */

/** Has no environment and no working folder, because a Worker keeps a thousand ended executors. */
export interface WorkerExecutorStatus {
  readonly appId: string
  readonly execId: number
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAddresses
  /** FETCHING: its code comes from another machine. To its Master it is LAUNCHING then. */
  readonly state: ExecutorState | 'FETCHING'
  readonly application: ApplicationSummary
  readonly command: string
}

export interface WorkerDriverStatus {
  readonly driverId: string
  readonly generation: number
  readonly attempt: number
  readonly state: DriverState | 'FETCHING'
}

export interface WorkerStatus {
  readonly id: string
  readonly name: string
  readonly host: string
  readonly port: number
  readonly masterUrl: string
  readonly masterWebUrl: string | null
  readonly cores: number
  readonly coresUsed: number
  readonly memoryMib: number
  readonly memoryMibUsed: number
  readonly resources: ResourceAddresses
  readonly resourcesUsed: ResourceAddresses
  readonly confinement?: Confinement | undefined
  /** Null: it takes work. */
  readonly drain: ShownDrain | null
  readonly executors: readonly WorkerExecutorStatus[]
  readonly finishedExecutors: readonly WorkerExecutorStatus[]
  readonly drivers: readonly WorkerDriverStatus[]
  readonly finishedDrivers: readonly WorkerDriverStatus[]
}

export function executorStatus(
  launch: LaunchExecutor,
  state: WorkerExecutorStatus['state'],
): WorkerExecutorStatus {
  const { appId, execId, cores, memoryMib, resources, application } = launch
  const command = commandOf(application)
  return {
    appId,
    execId,
    cores,
    memoryMib,
    resources,
    state,
    application: summaryOfApplication(application),
    command,
  }
}

const commandOf = ({ nodeOptions }: ApplicationDescription): string =>
  `node ${['firesteel-executor', ...nodeOptions].join(' ')}`.slice(0, limits.shownCommandChars)
