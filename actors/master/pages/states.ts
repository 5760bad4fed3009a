import type { Html } from '../../../runtime/pages/html.js'
import { state, type Tone } from '../../../runtime/pages/parts.js'
import type {
  ApplicationState,
  ExecutorState,
  RecoveryState,
  ShownDriverState,
} from '../../messages/common.js'
import type { WorkerStatus } from '../../messages/status.js'

/* States, each with how it feels. */

const workerTones: Readonly<Record<WorkerStatus['state'], Tone>> = {
  ALIVE: 'good',
  DEAD: 'bad',
  DECOMMISSIONED: 'over',
  UNKNOWN: 'busy',
}

export const toneOfWorker = ({ state: of, suspect }: WorkerStatus): Tone =>
  suspect && of === 'ALIVE' ? 'busy' : workerTones[of]

/** A Worker that is not heard for a while may be there. */
export const workerStateText = ({ state: of, suspect }: WorkerStatus): string =>
  suspect && of === 'ALIVE' ? 'ALIVE, silent' : of

export const workerState = (worker: WorkerStatus): Html =>
  state(workerStateText(worker), toneOfWorker(worker))

const applicationTones: Readonly<Record<ApplicationState, Tone>> = {
  WAITING: 'busy',
  RUNNING: 'good',
  FINISHED: 'over',
  FAILED: 'bad',
  KILLED: 'over',
  UNKNOWN: 'busy',
}

export const applicationState = (of: ApplicationState): Html => state(of, applicationTones[of])

const driverTones: Readonly<Record<ShownDriverState, Tone>> = {
  SUBMITTED: 'busy',
  RUNNING: 'good',
  FINISHED: 'over',
  RELAUNCHING: 'busy',
  UNKNOWN: 'busy',
  KILLED: 'over',
  FAILED: 'bad',
  ERROR: 'bad',
  RESTARTING: 'busy',
  KILLING: 'busy',
}

export const driverState = (of: ShownDriverState): Html => state(of, driverTones[of])

export const executorTones: Readonly<Record<ExecutorState, Tone>> = {
  LAUNCHING: 'busy',
  RUNNING: 'good',
  KILLED: 'over',
  FAILED: 'bad',
  LOST: 'bad',
  EXITED: 'over',
  DECOMMISSIONED: 'over',
}

export const executorState = (of: ExecutorState): Html => state(of, executorTones[of])

export const masterTones: Readonly<Record<RecoveryState | 'UNKNOWN', Tone>> = {
  ALIVE: 'good',
  STANDBY: 'over',
  RECOVERING: 'busy',
  COMPLETING_RECOVERY: 'busy',
  UNKNOWN: 'bad',
}

export const masterState = (of: RecoveryState | 'UNKNOWN'): Html => state(of, masterTones[of])
