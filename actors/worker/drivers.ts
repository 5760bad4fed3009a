import { limits } from '../../runtime/limits.js'
import type { Found } from '../../runtime/persistence/forgotten.js'
import { formatDuration } from '../../runtime/units.js'
import type { DriverState, OwnedPosition } from '../messages/common.js'
import { isForGood } from '../messages/driver-end.js'
import type { KillDriver, LaunchDriver, RestartDriver } from '../messages/drivers.js'
import type { DriverReport } from '../messages/workers.js'
import {
  changeOf,
  DRAINED,
  type DriverEnd,
  howOf,
  ISOLATED,
  killedEnd,
  NEVER_RAN,
  SHUTDOWN,
  stoppedByWorker,
} from './driver-end.js'
import { DriverEntry } from './driver-entry.js'
import { exitText } from './exit-text.js'
import { FinishedList } from './finished-list.js'
import { isDriverId } from './output-id.js'
import type { SavedDrivers } from './restart/saved-worker.js'
import type { WorkerDriverStatus } from './status.js'
import type { WorkerContext } from './worker-context.js'
import type { Now, ProcessEnd, ProcessName, StartFailure } from './worker-events.js'

/** The drivers of this Worker: generations, and attempts within each (Spark 5.6, protocol 9). */
export class Drivers {
  readonly #context: WorkerContext
  /** By `ID/GENERATION`. */
  readonly #live = new Map<string, DriverEntry>()
  readonly #finished: FinishedList<WorkerDriverStatus>
  #stopping = false
  /** The timer of `watchContact` runs. */
  #watching = false

  constructor(context: WorkerContext) {
    this.#context = context
    this.#finished = new FinishedList(context.times.retainedFinished)
  }

  save(now: Now): SavedDrivers {
    const live = [...this.#live.values()].map((entry) => entry.save(now))
    return { live, finished: this.#finished.items }
  }

  /** They are here again: those that run, those that rest, those that had not begun. */
  load({ live, finished }: SavedDrivers, now: Now): void {
    const { account, times } = this.#context
    for (const saved of live) {
      const entry = DriverEntry.load(saved, times.restart, now)
      const { cores, memoryMib } = saved.launch.description
      account.hold(entry.key, { cores, memoryMib, resources: saved.launch.resources })
      this.#live.set(entry.key, entry)
    }
    this.#finished.load(finished)
  }

  /** Goes on with what the process before had not begun, or had put off. */
  resume(now: Now): void {
    for (const entry of [...this.#live.values()]) {
      if (entry.phase === 'starting') {
        if (entry.killedBecause !== undefined) this.#concludeKilled(entry)
        else this.#startProcess(entry)
      } else if (entry.phase === 'resting') {
        const ms = Math.max(0, (entry.nextStartAtMs ?? 0) - now.wallMs)
        const mostMs = this.#context.times.restart.maxMs
        this.#context.emit({ kind: 'startTimer', timer: restartOf(entry), ms: Math.min(ms, mostMs) })
      } else if (entry.phase === 'running') {
        this.#watch(entry, now.monotonicMs - entry.startedAtMs)
      }
    }
    this.watchContact(now)
  }

  get count(): number {
    return this.#live.size
  }

  /** True: some generation of the driver is here. */
  has(driverId: string): boolean {
    return this.#generationsOf(driverId).length > 0
  }

  /** True: a later generation of the driver is here. */
  hasLater(driverId: string, generation: number): boolean {
    return this.#generationsOf(driverId).some(({ launch }) => launch.generation > generation)
  }

  launch(launch: LaunchDriver, launchedAt: OwnedPosition, now: Now): void {
    const { ledger, account, times } = this.#context
    const { driverId, generation, description, resources } = launch
    // Its successor starts nothing twice: the leader sees that this launch is missing, and repeats it.
    if (this.#context.isHandingOver()) return
    const entry = new DriverEntry(launch, launchedAt, times.restart)
    if (this.#live.has(entry.key)) {
      this.#context.log('debug', 'this generation is here already', { driver: entry.key })
      return
    }
    const decided = ledger.decidedOf(driverId)
    if (generation <= decided) {
      this.#refuse(entry, decided)
      return
    }
    ledger.decideDriver(driverId, generation)
    if (!isDriverId(driverId)) {
      this.#conclude(entry, { state: 'ERROR', message: 'its id cannot name a folder' })
      return
    }
    if (this.#stopping) {
      entry.killedBecause = SHUTDOWN
      this.#concludeKilled(entry)
      return
    }
    const { cores, memoryMib } = description
    const refusal = account.take(entry.key, { cores, memoryMib, resources })
    if (refusal !== undefined) {
      this.#conclude(entry, { state: 'FAILED', message: refusal, noRoom: true })
      this.#context.correctMaster()
      return
    }
    const older = this.#generationsOf(driverId)
    this.#live.set(entry.key, entry)
    for (const other of older) this.#stop(other, `generation ${generation} takes its place`, now)
    // An older generation without a process has ended in `#stop`, which may have started this one.
    if (entry.phase === 'held' && this.#generationsOf(driverId).length === 1) this.#start(entry)
    this.watchContact(now)
  }

  kill({ driverId, generation, drained }: KillDriver, now: Now): void {
    const key = `${driverId}/${generation}`
    const entry = this.#live.get(key)
    if (entry) {
      // A kill that was asked for outranks a drain.
      if (!drained && entry.killedBecause === DRAINED) entry.killedBecause = 'killed'
      this.#stop(entry, drained ? DRAINED : 'killed', now)
      return
    }
    const { ledger } = this.#context
    const known = ledger.endOf(key)
    if (known) {
      this.#context.report(known)
      return
    }
    // Its launch was lost. If it still comes, it is refused as decided.
    ledger.decideDriver(driverId, generation)
    const end = { type: 'DriverStateChanged', driverId, generation, attempt: 1, state: 'KILLED' } as const
    const message = 'it was not running here'
    const change = { ...end, message, ...(drained && { drained, notStarted: NEVER_RAN }) }
    ledger.ended(change)
    this.#context.report(change)
  }

  /**
   * Ends its process, and starts the next attempt at once. A driver that rests is started at once. One whose
   * process has not begun yet needs nothing, and an unsupervised one runs only once.
   */
  restartOnRequest({ driverId, generation, request }: RestartDriver, now: Now): void {
    const entry = this.#live.get(`${driverId}/${generation}`)
    if (!entry?.launch.description.supervise || entry.killedBecause !== undefined) return
    if (entry.restartRequest === request) return
    entry.restartRequest = request
    if (entry.phase === 'resting') {
      this.#context.emit({ kind: 'cancelTimer', timer: restartOf(entry) })
      this.#start(entry)
    } else if (entry.phase === 'running') {
      entry.restarting = true
      this.#stopProcess(entry, now)
      this.#tellProgress(entry)
    }
  }

  started(process: ProcessName, pid: number, now: Now): boolean {
    const entry = this.#entryOf(process)
    if (!entry) return false
    entry.phase = 'running'
    entry.startedAtMs = now.monotonicMs
    entry.pid = pid
    entry.life = { ...entry.life, starts: entry.life.starts + 1 }
    this.#watch(entry)
    if (entry.killedBecause !== undefined) this.#stopProcess(entry, now)
    this.#tellProgress(entry)
    return true
  }

  /** False: `process` is no live driver. */
  fetching(process: ProcessName, fetching: boolean): boolean {
    const entry = this.#entryOf(process)
    if (entry) entry.fetching = fetching
    return entry !== undefined
  }

  /** Its limits count from its start. */
  #watch({ process, ready, launch: { description } }: DriverEntry, ranMs = 0): void {
    const { emit } = this.#context
    const { timeoutMs, readiness, healthcheck } = description
    if (timeoutMs !== undefined)
      emit({ kind: 'startTimer', timer: { kind: 'timeout', process }, ms: Math.max(0, timeoutMs - ranMs) })
    if (readiness && !ready) emit({ kind: 'watchReady', process, readiness })
    // What is not ready yet is not ill.
    else if (healthcheck) emit({ kind: 'watchHealth', process, healthcheck })
  }

  ready(process: ProcessName): void {
    const entry = this.#entryOf(process)
    if (entry?.phase !== 'running' || entry.ready) return
    entry.ready = true
    const { healthcheck } = entry.launch.description
    if (healthcheck) this.#context.emit({ kind: 'watchHealth', process, healthcheck })
    this.#tellProgress(entry)
  }

  unhealthy(process: ProcessName, reason: string, now: Now): void {
    this.#cut(process, `it failed its health check: ${reason}`, now)
  }

  timedOut(process: ProcessName, now: Now): void {
    const { timeoutMs = 0 } = this.#entryOf(process)?.launch.description ?? {}
    this.#cut(process, `it ran longer than its timeout of ${formatDuration(timeoutMs)}`, now)
  }

  /** Its process must end, and that is a failure of the driver. */
  #cut(process: ProcessName, because: string, now: Now): void {
    const entry = this.#entryOf(process)
    if (entry?.phase !== 'running' || entry.killedBecause !== undefined || entry.restarting) return
    if (entry.cut !== undefined) return
    entry.cut = because
    this.#context.log('warn', 'a driver is stopped', { driver: entry.key, reason: because })
    this.#stopProcess(entry, now)
    this.#tellProgress(entry)
  }

  /**
   * A later attempt may fail too: its program or folder may exist only on other Workers. The Master decides.
   */
  startFailed(process: ProcessName, { message, noRoom, ...notStarted }: StartFailure): boolean {
    const entry = this.#entryOf(process)
    if (!entry) return false
    if (entry.killedBecause !== undefined) this.#concludeKilled(entry)
    else if (noRoom) this.#conclude(entry, { state: 'FAILED', message, noRoom })
    else this.#conclude(entry, { state: 'ERROR', message, notStarted })
    return true
  }

  ended(process: ProcessName, end: ProcessEnd, now: Now): boolean {
    const entry = this.#entryOf(process)
    if (!entry) return false
    const { exitCode, signal } = end
    const how = { exitCode: exitCode ?? undefined, signal: signal ?? undefined }
    entry.ended(end, now.wallMs)
    if (entry.launch.description.timeoutMs !== undefined)
      this.#context.emit({ kind: 'cancelTimer', timer: { kind: 'timeout', process } })
    const { cut } = entry
    entry.cut = undefined
    entry.ready = false
    // A driver that this Worker stopped has not finished, whatever its code: most services exit with 0 on
    // SIGTERM.
    if (stoppedByWorker(entry)) this.#concludeKilled(entry, how)
    else if (entry.restarting && entry.killedBecause === undefined) this.#startAgain(entry)
    else if (cut !== undefined && entry.killedBecause === undefined)
      this.#failed(entry, { ...end, message: cut }, now)
    // Exit code 0 means FINISHED, also if a kill was on its way (Spark).
    else if (exitCode === 0) this.#conclude(entry, { state: 'FINISHED', message: '', ...how })
    else if (entry.killedBecause !== undefined) this.#concludeKilled(entry, how)
    else this.#failed(entry, end, now)
    return true
  }

  #failed(entry: DriverEntry, end: ProcessEnd, now: Now): void {
    if (entry.launch.description.supervise) this.#crashed(entry, end, now)
    else this.#conclude(entry, { state: 'FAILED', message: exitText(end), ...howOf(end) })
  }

  #startAgain(entry: DriverEntry): void {
    entry.restarting = false
    this.#start(entry)
  }

  /** `key` is `ID/GENERATION`. */
  restart(key: string): void {
    const entry = this.#live.get(key)
    if (entry?.phase === 'resting') this.#start(entry)
  }

  /** The Worker became isolated: a leader that it cannot reach may soon launch these drivers elsewhere. */
  endIsolated(now: Now): void {
    for (const entry of [...this.#live.values()]) {
      if (entry.endsInIsolation) this.#stop(entry, ISOLATED, now)
    }
  }

  /** The contact is younger, so the guard kills later. A driver that isolation has stopped stays stopped. */
  extend(): void {
    const { validUntilBootMs } = this.#context.contact
    for (const entry of this.#live.values()) {
      if (!entry.endsInIsolation || entry.killedBecause === ISOLATED) continue
      if (entry.phase !== 'starting' && entry.phase !== 'running') continue
      this.#context.emit({ kind: 'extendDriver', process: entry.process, validUntilBootMs })
    }
  }

  /**
   * Sets a timer for the isolation while a driver here must end in it. `again`: the timer has fired, or other
   * times hold.
   */
  watchContact(now: Now, again = false): void {
    if (again) this.#watching = false
    const { contact, emit } = this.#context
    if (this.#watching || contact.isolated || ![...this.#live.values()].some((e) => e.endsInIsolation)) return
    this.#watching = true
    // A timer may fire a little early. It is then set again.
    emit({
      kind: 'startTimer',
      timer: { kind: 'isolation' },
      ms: Math.max(1, contact.isolatedAtBootMs - now.bootMs),
    })
  }

  stopAll(now: Now): void {
    this.#stopping = true
    for (const entry of [...this.#live.values()]) this.#stop(entry, SHUTDOWN, now)
  }

  reports(found: Found | undefined): DriverReport[] {
    return [...this.#live.values()].map((entry) => entry.report(found))
  }

  statuses(): { drivers: WorkerDriverStatus[]; finishedDrivers: WorkerDriverStatus[] } {
    const drivers = [...this.#live.values()].map((entry) => statusOf(entry))
    return { drivers, finishedDrivers: [...this.#finished.items] }
  }

  #start(entry: DriverEntry): void {
    if (entry.endsInIsolation && this.#context.contact.isolated) {
      entry.killedBecause = ISOLATED
      this.#concludeKilled(entry)
      return
    }
    entry.attempt++
    entry.phase = 'starting'
    entry.nextStartAtMs = undefined
    this.#startProcess(entry)
  }

  #startProcess({ process, launch, attempt, endsInIsolation }: DriverEntry): void {
    const { contact, emit } = this.#context
    const { validUntilBootMs } = contact
    emit({ kind: 'startDriver', process, launch, attempt, ...(endsInIsolation && { validUntilBootMs }) })
  }

  /** Starts it again here. After several crashes in a row its Master tries another Worker first. */
  #crashed(entry: DriverEntry, end: ProcessEnd, now: Now): void {
    const failures = entry.failedTooOften(now.wallMs)
    if (failures !== undefined) {
      this.#giveUp(entry, end, failures)
      return
    }
    const { backoff } = entry
    const waitMs = backoff.afterRunOf(now.monotonicMs - entry.startedAtMs)
    const { crashes } = backoff
    // Without a leader the driver cannot be tried on another Worker.
    if (crashes < limits.driverCrashes || !this.#context.hasLeader()) {
      this.#rest(entry, end, waitMs, now)
      return
    }
    const message = `it ended ${crashes} times in a row soon after its start; the last time: ${exitText(end)}`
    this.#conclude(entry, { state: 'FAILED', message, crashes, ...howOf(end) })
  }

  #giveUp(entry: DriverEntry, end: ProcessEnd, failures: number): void {
    const { maxRestarts, restartWindowMs } = entry.launch.description
    const within = restartWindowMs === undefined ? '' : ` within ${formatDuration(restartWindowMs)}`
    const message = `it failed ${times(failures)}${within}; maxRestarts is ${maxRestarts}; the last time: ${exitText(end)}`
    this.#conclude(entry, { state: 'FAILED', message, givenUp: true, ...howOf(end) })
  }

  #rest(entry: DriverEntry, end: ProcessEnd, waitMs: number, now: Now): void {
    entry.phase = 'resting'
    entry.nextStartAtMs = now.wallMs + waitMs
    const fields = { driver: entry.key, attempt: entry.attempt, reason: exitText(end), waitMs }
    this.#context.log('info', 'a supervised driver ended; it starts again', fields)
    this.#context.emit({ kind: 'startTimer', timer: restartOf(entry), ms: waitMs })
    this.#tellProgress(entry)
  }

  #stop(entry: DriverEntry, because: string, now: Now): void {
    if (entry.killedBecause !== undefined) return
    entry.killedBecause = because
    const { phase } = entry
    if (phase === 'running') {
      this.#stopProcess(entry, now)
      this.#tellProgress(entry)
    }
    // What its start waits for, such as its code, is not needed any more.
    else if (phase === 'starting') this.#context.emit({ kind: 'abandonStart', process: entry.process })
    // There is no process to wait for. A wait for the next attempt is cut short.
    else this.#concludeKilled(entry)
  }

  #stopProcess({ process, killedBecause, launch }: DriverEntry, now: Now): void {
    const { times, contact, emit } = this.#context
    const { stopSignal, stopGraceMs = times.killGraceMs } = launch.description
    const leftMs = Math.max(0, Math.min(times.isolationKillMs, contact.validUntilBootMs - now.bootMs))
    const graceMs =
      killedBecause === ISOLATED
        ? leftMs
        : // A Worker that is stopped has so long itself.
          killedBecause === SHUTDOWN
          ? Math.min(stopGraceMs, times.killGraceMs)
          : stopGraceMs
    emit({ kind: 'stopProcess', process, graceMs, ...(stopSignal && { signal: stopSignal }) })
  }

  #concludeKilled(entry: DriverEntry, how: Pick<DriverEnd, 'exitCode' | 'signal'> = {}): void {
    this.#conclude(entry, { ...killedEnd(entry), ...how })
  }

  #conclude(entry: DriverEntry, end: DriverEnd): void {
    const change = changeOf(entry, end)
    this.#context.ledger.ended(change)
    this.#context.report(change)
    this.#remove(entry, end.noRoom || end.decided !== undefined ? undefined : end.state)
  }

  /**
   * No generation at or below a decided one is started (protocol R6). If the driver ended for good, that end
   * is told.
   */
  #refuse(entry: DriverEntry, decided: number): void {
    const { ledger, log } = this.#context
    const { driverId, description } = entry.launch
    const last = ledger.endOf(`${driverId}/${decided}`)
    log('warn', 'refused a generation that was decided here', { driver: entry.key, decided })
    const end = last?.type === 'DriverStateChanged' && { ...last, message: last.message ?? '' }
    if (end && isForGood(end, description.supervise)) this.#conclude(entry, end)
    else this.#conclude(entry, { state: 'FAILED', message: `generation ${decided} was here`, decided })
  }

  #remove(entry: DriverEntry, shownAs: DriverState | undefined): void {
    this.#live.delete(entry.key)
    this.#context.account.release(entry.key)
    if (entry.phase === 'resting') this.#context.emit({ kind: 'cancelTimer', timer: restartOf(entry) })
    if (shownAs !== undefined) this.#finished.add(entry.status(shownAs))
    const [next, ...others] = this.#generationsOf(entry.launch.driverId)
    if (next?.phase === 'held' && others.length === 0 && !this.#stopping) this.#start(next)
  }

  #tellProgress(entry: DriverEntry): void {
    const { driverId, generation } = entry.launch
    this.#context.progressed({ driverId, generation, progress: entry.progress() })
  }

  #generationsOf(driverId: string): DriverEntry[] {
    return [...this.#live.values()].filter((entry) => entry.launch.driverId === driverId)
  }

  #entryOf(process: ProcessName): DriverEntry | undefined {
    const entry = this.#live.get(process.slice(0, process.lastIndexOf('/')))
    return entry?.process === process ? entry : undefined
  }
}

const statusOf = (entry: DriverEntry): WorkerDriverStatus => ({
  ...entry.status('RUNNING'),
  ...(entry.fetching && { state: 'FETCHING' }),
})

const restartOf = ({ key }: DriverEntry) => ({ kind: 'restart', driver: key }) as const

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)
