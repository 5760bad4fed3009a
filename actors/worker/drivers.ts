import type { DriverState, Position } from '../messages/common.js'
import type { KillDriver, LaunchDriver } from '../messages/drivers.js'
import type { DriverReport } from '../messages/workers.js'
import type { Desk } from './desk.js'
import { DriverEntry, type WorkerDriverStatus } from './driver-entry.js'
import { exitText } from './exit-text.js'
import { FinishedList } from './finished-list.js'
import { isDriverId } from './output-id.js'
import type { Now, ProcessEnd, ProcessName } from './worker-events.js'

export const RESTART_TIMER = 'restart:'
const SHUTDOWN = 'Worker shutting down'

interface End {
  readonly state: DriverState
  readonly message: string
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
  readonly noRoom?: boolean
}

/** The drivers of this Worker: generations, and attempts within each (Spark 5.6, protocol 9). */
export class Drivers {
  readonly #desk: Desk
  /** By `ID/GENERATION`. */
  readonly #live = new Map<string, DriverEntry>()
  readonly #finished: FinishedList<WorkerDriverStatus>
  #stopping = false

  constructor(desk: Desk) {
    this.#desk = desk
    this.#finished = new FinishedList(desk.times.retainedFinished)
  }

  get count(): number {
    return this.#live.size
  }

  /** Any generation of it. */
  has(driverId: string): boolean {
    return this.#generationsOf(driverId).length > 0
  }

  launch(launch: LaunchDriver, launchedAt: Position): void {
    const { ledger, books, times } = this.#desk
    const { driverId, generation, description, resources } = launch
    const entry = new DriverEntry(launch, launchedAt, times.restart)
    const verdict = ledger.driver(driverId, generation)
    if (verdict === 'same') {
      this.#repeated(entry.key)
      return
    }
    if (verdict === 'older') {
      this.#desk.log('warn', 'refused a generation older than one decided here', { driver: entry.key })
      this.#desk.correctMaster()
      return
    }
    ledger.decideDriver(driverId, generation)
    if (!isDriverId(driverId)) {
      this.#conclude(entry, { state: 'ERROR', message: 'its id cannot name a folder' })
      return
    }
    const { cores, memoryMib } = description
    const refusal = books.take(entry.key, { cores, memoryMib, resources })
    if (refusal !== undefined) {
      this.#conclude(entry, { state: 'FAILED', message: refusal, noRoom: true })
      this.#desk.correctMaster()
      return
    }
    const older = this.#generationsOf(driverId)
    this.#live.set(entry.key, entry)
    for (const other of older) this.#stop(other, `generation ${generation} takes its place`)
    // An older one without a process is gone by now, and may have let this one start.
    if (entry.phase === 'held' && this.#generationsOf(driverId).length === 1) this.#start(entry)
  }

  kill({ driverId, generation }: KillDriver): void {
    const key = `${driverId}/${generation}`
    const entry = this.#live.get(key)
    if (entry) {
      this.#stop(entry, 'killed')
      return
    }
    const { ledger } = this.#desk
    if (ledger.endOf(key)) {
      this.#repeated(key)
      return
    }
    // Its launch was lost; should it still come, it finds itself decided.
    ledger.decideDriver(driverId, generation)
    const end = { type: 'DriverStateChanged', driverId, generation, attempt: 1, state: 'KILLED' } as const
    const change = { ...end, message: 'it was not running here' }
    ledger.ended(change)
    this.#desk.report(change)
  }

  started(process: ProcessName, now: Now): boolean {
    const entry = this.#entryOf(process)
    if (!entry) return false
    entry.phase = 'running'
    entry.startedAtMs = now.monotonicMs
    if (entry.killedBecause !== undefined) {
      this.#desk.emit({ kind: 'stopProcess', process, graceMs: this.#desk.times.killGraceMs })
    }
    return true
  }

  startFailed(process: ProcessName, message: string): boolean {
    const entry = this.#entryOf(process)
    if (!entry) return false
    if (entry.killedBecause !== undefined) this.#concludeKilled(entry)
    else this.#conclude(entry, { state: 'ERROR', message })
    return true
  }

  ended(process: ProcessName, end: ProcessEnd, now: Now): boolean {
    const entry = this.#entryOf(process)
    if (!entry) return false
    const { exitCode, signal } = end
    const how = { exitCode: exitCode ?? undefined, signal: signal ?? undefined }
    // Also while a kill was on its way (Spark).
    if (exitCode === 0) this.#conclude(entry, { state: 'FINISHED', message: '', ...how })
    else if (entry.killedBecause !== undefined) this.#concludeKilled(entry, how)
    else if (entry.launch.description.supervise) this.#rest(entry, end, now)
    else this.#conclude(entry, { state: 'FAILED', message: exitText(end), ...how })
    return true
  }

  /** `key` is `ID/GENERATION`. */
  restart(key: string, now: Now): void {
    const entry = this.#live.get(key)
    if (entry?.phase !== 'resting') return
    const { contact, times } = this.#desk
    if (entry.launch.description.onIsolation === 'stop' && contact.isIsolated(now.bootMs)) {
      // A leader may have given it to another Worker: wait until one answers (protocol 9).
      this.#desk.emit({ kind: 'startTimer', key: RESTART_TIMER + key, ms: times.heartbeatMs })
    } else {
      this.#start(entry)
    }
  }

  stopAll(): void {
    this.#stopping = true
    for (const entry of [...this.#live.values()]) this.#stop(entry, SHUTDOWN)
  }

  reports(): DriverReport[] {
    return [...this.#live.values()].map((entry) => entry.report())
  }

  statuses(): { drivers: WorkerDriverStatus[]; finishedDrivers: WorkerDriverStatus[] } {
    const drivers = [...this.#live.values()].map((entry) => entry.status('RUNNING'))
    return { drivers, finishedDrivers: [...this.#finished.items] }
  }

  folders(): string[] {
    return [...new Set([...this.#live.values()].map((entry) => entry.launch.driverId))]
  }

  #start(entry: DriverEntry): void {
    entry.attempt++
    entry.phase = 'starting'
    const { process, launch, attempt } = entry
    this.#desk.emit({ kind: 'startDriver', process, launch, attempt })
  }

  #rest(entry: DriverEntry, end: ProcessEnd, now: Now): void {
    const waitMs = entry.backoff.afterRunOf(now.monotonicMs - entry.startedAtMs)
    entry.phase = 'resting'
    const fields = { driver: entry.key, attempt: entry.attempt, reason: exitText(end), waitMs }
    this.#desk.log('info', 'a supervised driver ended; it starts again', fields)
    this.#desk.emit({ kind: 'startTimer', key: RESTART_TIMER + entry.key, ms: waitMs })
  }

  #stop(entry: DriverEntry, because: string): void {
    if (entry.killedBecause !== undefined) return
    entry.killedBecause = because
    const { process, phase } = entry
    if (phase === 'running') {
      this.#desk.emit({ kind: 'stopProcess', process, graceMs: this.#desk.times.killGraceMs })
    } else if (phase !== 'starting') {
      // No process to wait for; a wait for the next attempt is cut short.
      this.#concludeKilled(entry)
    }
  }

  #concludeKilled(entry: DriverEntry, how: Pick<End, 'exitCode' | 'signal'> = {}): void {
    const message = entry.killedBecause ?? 'killed'
    const isShutdown = message === SHUTDOWN
    if (isShutdown && entry.launch.description.supervise) {
      // Its end belongs to this Worker, not to it: the Master sees the Worker go and launches it elsewhere.
      this.#remove(entry, 'KILLED')
      return
    }
    this.#conclude(entry, { state: isShutdown ? 'FAILED' : 'KILLED', message, ...how })
  }

  #conclude(entry: DriverEntry, end: End): void {
    const { driverId, generation } = entry.launch
    const { state, message, exitCode, signal, noRoom } = end
    const change = {
      type: 'DriverStateChanged',
      driverId,
      generation,
      attempt: Math.max(1, entry.attempt),
      state,
      ...(message !== '' && { message }),
      ...(exitCode !== undefined && { exitCode }),
      ...(signal !== undefined && { signal }),
      ...(noRoom && { noRoom }),
    } as const
    this.#desk.ledger.ended(change)
    this.#desk.report(change)
    this.#remove(entry, noRoom ? undefined : state)
  }

  #remove(entry: DriverEntry, shownAs: DriverState | undefined): void {
    this.#live.delete(entry.key)
    this.#desk.books.release(entry.key)
    if (entry.phase === 'resting') this.#desk.emit({ kind: 'cancelTimer', key: RESTART_TIMER + entry.key })
    if (shownAs !== undefined) this.#finished.add(entry.status(shownAs))
    const [next, ...others] = this.#generationsOf(entry.launch.driverId)
    if (next?.phase === 'held' && others.length === 0 && !this.#stopping) this.#start(next)
  }

  #repeated(key: string): void {
    const end = this.#desk.ledger.endOf(key)
    if (end) this.#desk.report(end)
    else this.#desk.log('debug', 'this generation is here already', { driver: key })
  }

  #generationsOf(driverId: string): DriverEntry[] {
    return [...this.#live.values()].filter((entry) => entry.launch.driverId === driverId)
  }

  #entryOf(process: ProcessName): DriverEntry | undefined {
    const entry = this.#live.get(process.slice(0, process.lastIndexOf('/')))
    return entry?.process === process ? entry : undefined
  }
}
