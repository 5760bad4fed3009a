import { limits } from '../../runtime/limits.js'
import { type Found, isForgotten } from '../../runtime/persistence/forgotten.js'
import type { DriverState, OwnedPosition } from '../messages/common.js'
import { type DriverLife, type DriverProgress, newLife } from '../messages/driver-life.js'
import type { LaunchDriver } from '../messages/drivers.js'
import type { DriverReport } from '../messages/workers.js'
import type { DriverPhase } from './driver-phase.js'
import type { SavedDriver } from './restart/saved-worker.js'
import { RestartBackoff, type RestartTimes } from './restart-backoff.js'
import type { WorkerDriverStatus } from './status.js'
import type { Now, ProcessEnd, ProcessName } from './worker-events.js'

/** One generation of a driver on this Worker. */
export class DriverEntry {
  readonly launch: LaunchDriver
  readonly launchedAt: OwnedPosition
  readonly backoff: RestartBackoff
  phase: DriverPhase = 'held'
  /** 0 before the first attempt. */
  attempt = 0
  startedAtMs = 0
  /** Its process waits for its code, which is on its way. */
  fetching = false
  /** Why it was told to end; undefined: nothing has told it to. */
  killedBecause: string | undefined

  /** Of its process, while there is one. */
  pid: number | undefined
  /** Wall clock, while it rests. */
  nextStartAtMs: number | undefined
  life: DriverLife
  /** The newest request to restart it. A repeated one has the same id. */
  restartRequest: string | undefined
  /** Its process was told to end, so that the next attempt starts. */
  restarting = false
  /** What its `readiness` asks for is there; it is not asked where there is none. */
  ready = false
  /** Why its process was told to end, which is a failure of the driver. */
  cut: string | undefined

  constructor(launch: LaunchDriver, launchedAt: OwnedPosition, restart: RestartTimes) {
    this.launch = launch
    this.launchedAt = launchedAt
    this.backoff = new RestartBackoff(restart)
    this.life = launch.life ?? newLife
  }

  static load(saved: SavedDriver, restart: RestartTimes, now: Now): DriverEntry {
    const entry = new DriverEntry(saved.launch, saved.launchedAt, restart)
    entry.phase = saved.phase
    entry.attempt = saved.attempt
    const { startedAgoMs, startedAtBootMs = now.bootMs - startedAgoMs } = saved
    entry.startedAtMs = now.monotonicMs - (now.bootMs - startedAtBootMs)
    entry.killedBecause = saved.killedBecause
    entry.pid = saved.pid
    entry.nextStartAtMs = saved.nextStartAtMs
    entry.life = saved.life
    entry.restartRequest = saved.restartRequest
    entry.restarting = saved.restarting
    entry.ready = saved.ready
    entry.cut = saved.cut
    entry.backoff.load(saved.backoff)
    return entry
  }

  save(now: Now): SavedDriver {
    const { launch, launchedAt, phase, attempt, startedAtMs, life, restarting } = this
    const { killedBecause, pid, nextStartAtMs, restartRequest, ready, cut } = this
    const startedAgoMs = now.monotonicMs - startedAtMs
    return {
      launch,
      launchedAt,
      phase,
      attempt,
      startedAgoMs,
      startedAtBootMs: now.bootMs - startedAgoMs,
      life,
      restarting,
      ready,
      ...(cut !== undefined && { cut }),
      backoff: this.backoff.save(),
      ...(killedBecause !== undefined && { killedBecause }),
      ...(pid !== undefined && { pid }),
      ...(nextStartAtMs !== undefined && { nextStartAtMs }),
      ...(restartRequest !== undefined && { restartRequest }),
    }
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
    const { driverId, generation, resources, description, owner } = this.launch
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
      ...(mayBeForgotten ? { description, ...(owner && { owner }) } : { cores, memoryMib }),
      launchedAt,
      // There is nothing to tell before its first process.
      ...(this.life.starts > 0 && { progress: this.progress() }),
      ...(this.restartRequest !== undefined && { restart: this.restartRequest }),
    }
  }

  progress(): DriverProgress {
    const { phase, pid, nextStartAtMs, life, killedBecause, restarting } = this
    const isStopping =
      phase === 'running' && (killedBecause !== undefined || restarting || this.cut !== undefined)
    return {
      phase: isStopping ? 'stopping' : phase,
      ...(this.launch.description.readiness && { ready: phase === 'running' && this.ready }),
      ...(pid !== undefined && { pid }),
      ...(nextStartAtMs !== undefined && { nextStartAtMs }),
      life,
    }
  }

  /** Its process has ended. */
  ended(end: ProcessEnd, atMs: number): void {
    const { generation } = this.launch
    const { exitCode: code, signal, overMemory, isKillerUnknown } = end
    const outOfMemory = overMemory && {
      by: overMemory.by ?? 'limit',
      limitMib: overMemory.limitMib,
      ...(overMemory.usedMib !== undefined && { usedMib: overMemory.usedMib }),
    }
    const lastExit = {
      atMs,
      generation,
      attempt: this.attempt,
      code,
      signal,
      ...(outOfMemory && { outOfMemory }),
      ...(isKillerUnknown && { killerUnknown: true }),
      ...((this.restarting || this.killedBecause !== undefined) && { told: true }),
      ...(this.cut !== undefined && { cut: this.cut.slice(0, limits.driverEventChars) }),
    }
    this.pid = undefined
    this.life = { ...this.life, lastExit }
  }

  /**
   * It has failed by itself. Returns how often within its window, if that is more than it may; undefined: it
   * may start again.
   */
  failedTooOften(atMs: number): number | undefined {
    const { maxRestarts, restartWindowMs } = this.launch.description
    if (maxRestarts === undefined) return undefined
    const sinceMs = restartWindowMs === undefined ? Number.NEGATIVE_INFINITY : atMs - restartWindowMs
    const failedAtMs = [...this.life.failedAtMs.filter((failed) => failed > sinceMs), atMs]
    if (failedAtMs.length > maxRestarts) return failedAtMs.length
    this.life = { ...this.life, failedAtMs }
    return undefined
  }

  status(state: DriverState): WorkerDriverStatus {
    const { driverId, generation } = this.launch
    return { driverId, generation, attempt: this.attempt, state }
  }
}
