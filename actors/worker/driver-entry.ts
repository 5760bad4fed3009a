import { type Found, isForgotten } from '../../runtime/persistence/forgotten.js'
import type { DriverState, OwnedPosition } from '../messages/common.js'
import type { LaunchDriver } from '../messages/drivers.js'
import type { DriverReport } from '../messages/workers.js'
import { RestartBackoff, type RestartTimes } from './restart-backoff.js'
import type { WorkerDriverStatus } from './status.js'
import type { ProcessName } from './worker-events.js'

/**
 * - held: an older generation of the driver still has a process on this Worker
 * - starting: its process is being made
 * - running
 * - resting: supervised and between two attempts; it keeps its capacity
 */
export type DriverPhase = 'held' | 'starting' | 'running' | 'resting'

/** One generation of a driver on this Worker. */
export class DriverEntry {
  readonly launch: LaunchDriver
  readonly launchedAt: OwnedPosition
  readonly backoff: RestartBackoff
  phase: DriverPhase = 'held'
  /** 0 before the first attempt. */
  attempt = 0
  startedAtMs = 0
  /** Why it was told to end; undefined: nothing has told it to. */
  killedBecause: string | undefined

  constructor(launch: LaunchDriver, launchedAt: OwnedPosition, restart: RestartTimes) {
    this.launch = launch
    this.launchedAt = launchedAt
    this.backoff = new RestartBackoff(restart)
  }

  /** `ID/GENERATION`. */
  get key(): string {
    return `${this.launch.driverId}/${this.launch.generation}`
  }

  get process(): ProcessName {
    return `${this.key}/${this.attempt}`
  }

  /**
   * True: it must end while its Worker is isolated. An unsupervised driver may go on: it is never launched
   * twice.
   */
  get endsInIsolation(): boolean {
    const { supervise, onIsolation } = this.launch.description
    return supervise && onIsolation === 'stop'
  }

  /**
   * The state is RUNNING as long as the generation is on this Worker; restarts do not show (Spark). `found`
   * says how the leader found its store: a launch that the store holds needs no description.
   */
  report(found: Found | undefined): DriverReport {
    const { driverId, generation, resources, description } = this.launch
    const { launchedAt } = this
    const attempt = Math.max(1, this.attempt)
    const { cores, memoryMib } = description
    const mayBeForgotten = !found || isForgotten(launchedAt, found)
    return {
      driverId,
      generation,
      attempt,
      state: 'RUNNING',
      resources,
      ...(mayBeForgotten ? { description } : { cores, memoryMib }),
      launchedAt,
    }
  }

  status(state: DriverState): WorkerDriverStatus {
    const { driverId, generation } = this.launch
    return { driverId, generation, attempt: this.attempt, state }
  }
}
