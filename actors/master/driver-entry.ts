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

/** A driver in the Master's cluster state (Spark's DriverInfo). Its record is the truth; this adds what is not stored. */
export class DriverEntry {
  readonly id: string
  /** Of its place in the cluster state: older ones have lower numbers. */
  readonly number: number
  /** Its generation in the store at this election; 0: it was not there. */
  readonly foundGeneration: number
  /** Not launched before this monotonic time: its former Worker's guard may still be at work (protocol 9). */
  notBeforeMs = 0
  /** Monotonic, of this leadership; undefined: launched under a former one, or not at all. */
  launchedAtMs: number | undefined
  /** Launches of it have failed: it waits for itself, because Workers that have room may not suit it. */
  hasFailed = false
  /** The Worker that its record named and the store does not know: it may still come and say that it runs there. */
  expectedOn: string | undefined
  /** Where it waits, while it does. */
  waitsIn: DriverQueue | undefined
  /** Its row in the state of the Master, of this record and message. */
  shown: { readonly record: DriverRecord; readonly message: string; readonly row: DriverStatus } | undefined
  readonly #waiting: DriverQueues
  #record: DriverRecord
  #message = ''
  #gone = false

  constructor(record: DriverRecord, number: number, waiting: DriverQueues, foundGeneration = 0) {
    this.id = record.id
    this.number = number
    this.foundGeneration = foundGeneration
    this.#waiting = waiting
    this.#record = record
    this.#queue()
  }

  get record(): DriverRecord {
    return this.#record
  }

  /** Never changed in place: a new record is how others see that something has changed. */
  set record(record: DriverRecord) {
    this.#record = record
    this.#queue()
  }

  /** Why it waits, or what was said of it last. */
  get message(): string {
    const why = this.notBeforeMs === 0 ? this.waitsIn?.reason : undefined
    return why ?? this.#message
  }

  set message(message: string) {
    this.#message = message
  }

  /** Waits for a Worker. */
  get queued(): boolean {
    return this.#record.workerId === null
  }

  /** Back to the queue under the same id; its next launch is the next generation, above `decided`. */
  requeue(step: Step, message: string, decided = 0): void {
    const generation = Math.max(this.record.generation, decided)
    this.record = { ...this.record, state: 'SUBMITTED', generation, workerId: null, resources: {} }
    this.message = message
    step.put('driver', this.id, this.record)
  }

  /** It has left the cluster state. */
  leave(): void {
    this.#gone = true
    this.#waiting.remove(this)
  }

  #queue(): void {
    if (this.queued && !this.#gone) this.#waiting.add(this)
    else this.#waiting.remove(this)
  }
}
