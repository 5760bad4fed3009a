import { limits } from '../../runtime/limits.js'
import type { ShownDriverState } from '../messages/common.js'
import { type DriverLife, type DriverProgress, newLife } from '../messages/driver-life.js'
import type { DriverStatus } from '../messages/status.js'
import type { DriverRecord } from './records.js'
import type { Step } from './step.js'

/** Drivers that wait for the same, as one of them sees them. */
export interface DriverQueue {
  readonly key: string
  /** Why its drivers wait, as far as it is known. */
  readonly reason: string | undefined
  /** Oldest first. */
  readonly drivers: DriverEntry[]
  /** Index of the first driver with this number or a higher one. */
  placeOf(number: number): number
}

/** All drivers that wait for a Worker. */
export interface DriverQueues {
  add(driver: DriverEntry): void
  remove(driver: DriverEntry): void
}

/** A driver as a record of its Master has it. */
export interface SavedDriver {
  readonly record: DriverRecord
  readonly message: string
  readonly epoch: number | undefined
  readonly foundGeneration: number
  readonly notBeforeMs: number
  readonly launchedAtMs: number | undefined
  readonly hasFailed: boolean
  readonly expectedOn: string | undefined
  readonly progress: DriverProgress | undefined
}

/** What `capture` keeps, in its order: the fields of a row, and the position of its record. */
const captured: readonly (keyof SavedDriver | 'at')[] = [
  ...(['record', 'at', 'message', 'epoch', 'foundGeneration', 'notBeforeMs'] as const),
  ...(['launchedAtMs', 'hasFailed', 'expectedOn', 'progress'] as const),
]
export const capturedValues = captured.length

/** The row of what `capture` has put into the list from there on. */
export function savedDriver(values: readonly unknown[], from: number): SavedDriver {
  const [record, at, message, epoch, foundGeneration, notBeforeMs, ...rest] = values.slice(
    from,
    from + capturedValues,
  )
  const [launchedAtMs, hasFailed, expectedOn, progress] = rest
  return {
    record: { ...(record as DriverRecord), at },
    ...{ message, epoch, foundGeneration, notBeforeMs, launchedAtMs, hasFailed, expectedOn, progress },
  } as SavedDriver
}

const noQueues: DriverQueues = { add() {}, remove() {} }

/**
 * A driver in the Master's cluster state (Spark's DriverInfo). Its record is stored; the other fields are
 * not.
 */
export class DriverEntry {
  readonly id: string
  /** Its number in the cluster state. Older drivers have lower numbers. */
  readonly number: number
  /** Its generation in the store at this election; 0: the store did not hold it. */
  readonly foundGeneration: number
  /** The leadership that this entry belongs to; undefined in no cluster state. */
  readonly epoch: number | undefined
  /**
   * Not launched before this monotonic time, because its former Worker's guard may still be killing it
   * (protocol 9).
   */
  notBeforeMs = 0
  /** Monotonic, of this leadership; undefined: it was launched under a former one, or not at all. */
  launchedAtMs: number | undefined
  /**
   * True: launches of it have failed. It then has a queue of its own, because Workers with capacity may not
   * suit it.
   */
  hasFailed = false
  /** A Worker that its record names and the store does not know. It may still come and report the driver. */
  expectedOn: string | undefined
  /** Where it waits, while it does. */
  waitsIn: DriverQueue | undefined
  /** Its row in the state of the Master, of this record, message and progress. */
  shown:
    | {
        readonly record: DriverRecord
        readonly message: string
        readonly progress: DriverProgress | undefined
        readonly row: DriverStatus
      }
    | undefined
  /** How it fares, as its Worker said last; undefined: it has no Worker, or that has not said yet. */
  progress: DriverProgress | undefined
  #waiting: DriverQueues
  #record: DriverRecord
  #message = ''
  #gone = false

  constructor(
    record: DriverRecord,
    number: number,
    waiting: DriverQueues,
    foundGeneration = 0,
    epoch?: number,
  ) {
    this.id = record.id
    this.number = number
    this.foundGeneration = foundGeneration
    this.epoch = epoch
    this.#waiting = waiting
    this.#record = record
    this.#queue()
  }

  /** An entry as it was saved. Its queue is put back by the caller. */
  static load(saved: SavedDriver, number: number, waiting: DriverQueues): DriverEntry {
    const driver = new DriverEntry(saved.record, number, noQueues, saved.foundGeneration, saved.epoch)
    driver.#waiting = waiting
    driver.#message = saved.message
    driver.notBeforeMs = saved.notBeforeMs
    driver.launchedAtMs = saved.launchedAtMs
    driver.hasFailed = saved.hasFailed
    driver.expectedOn = saved.expectedOn
    driver.progress = saved.progress
    return driver
  }

  /**
   * For a record of this Master: puts `capturedValues` values into a list, of which `savedDriver` makes a row
   * later, as it is now. A Master may have tens of thousands, and must not make as many objects in one turn.
   */
  capture(into: unknown[], from: number): void {
    const record = this.#record
    into[from] = record
    // It is stamped in place when the record is written again.
    into[from + 1] = record.at
    into[from + 2] = this.#message
    into[from + 3] = this.epoch
    into[from + 4] = this.foundGeneration
    into[from + 5] = this.notBeforeMs
    into[from + 6] = this.launchedAtMs
    into[from + 7] = this.hasFailed
    into[from + 8] = this.expectedOn
    into[from + 9] = this.progress
  }

  get record(): DriverRecord {
    return this.#record
  }

  /** A record is never changed in place: a new object shows that something has changed. */
  set record(record: DriverRecord) {
    const { workerId, generation } = this.#record
    if (record.workerId !== workerId || record.generation !== generation) this.progress = undefined
    this.#record = record
    this.#queue()
  }

  /** Why it waits, or the last message about it. */
  get message(): string {
    const why = this.notBeforeMs === 0 ? this.waitsIn?.reason : undefined
    return why ?? this.#message
  }

  set message(message: string) {
    this.#message = message
  }

  get life(): DriverLife {
    return this.#record.life ?? newLife
  }

  /** What people are shown: its Worker restarts it, or it was told to end. */
  get shownState(): ShownDriverState {
    const { wanted, state } = this.#record
    if (this.queued) return state
    if (wanted === 'KILL') return 'KILLING'
    if (this.#record.replacement) return 'RESTARTING'
    return this.progress?.phase === 'resting' ? 'RESTARTING' : state
  }

  /**
   * Its record with one event more. The caller assigns and writes it, mostly with what the event is about.
   */
  withEvent(atMs: number, text: string): DriverRecord {
    const { epoch } = this
    const event = {
      atMs,
      text: text.slice(0, limits.driverEventChars),
      ...(epoch !== undefined && { epoch }),
    }
    return { ...this.#record, events: [...(this.#record.events ?? []), event].slice(-limits.driverEvents) }
  }

  /** True: it says when it can be relied on. */
  get saysReady(): boolean {
    return this.#record.description.readiness !== undefined
  }

  get isReady(): boolean {
    return !this.saysReady || this.progress?.ready === true
  }

  /** True: it waits for a Worker. */
  get queued(): boolean {
    return this.#record.workerId === null
  }

  /** Puts it back into the queue under the same id. Its next generation is above `decided`. */
  requeue(step: Step, message: string, decided = 0): void {
    const generation = Math.max(this.record.generation, decided)
    const record = this.withEvent(step.now.wallMs, message)
    this.record = { ...record, state: 'SUBMITTED', generation, workerId: null, resources: {} }
    this.message = message
    step.put('driver', this.id, this.record)
  }

  /** It takes the place of this entry: its launches by this leader, and how they failed, are known still. */
  follow({ launchedAtMs, hasFailed }: DriverEntry): void {
    this.launchedAtMs = launchedAtMs
    if (!hasFailed) return
    this.hasFailed = true
    this.renew(this.record)
  }

  /** Another record of what waits, which may ask for something else. */
  renew(record: DriverRecord): void {
    this.#waiting.remove(this)
    this.record = record
  }

  /** Call it when the driver leaves the cluster state. */
  leave(): void {
    this.#gone = true
    this.#waiting.remove(this)
  }

  #queue(): void {
    if (this.queued && !this.#gone) this.#waiting.add(this)
    else this.#waiting.remove(this)
  }
}
