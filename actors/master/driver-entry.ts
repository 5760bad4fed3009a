import type { DriverStatus } from '../messages/status.js'
import type { DriverRecord } from './records.js'
import type { Step } from './step.js'

/** A driver in the Master's books (Spark's DriverInfo). Its record is the truth; this adds what is not stored. */
export class DriverEntry {
  readonly id: string
  record: DriverRecord
  /** Not launched before this monotonic time: its former Worker's guard may still be at work (protocol 9). */
  notBeforeMs = 0
  message = ''
  /** The Worker that its record named and the store does not know: it may still come and say that it runs there. */
  expectedOn: string | undefined
  /** Its row in the state of the Master, of this record and message. */
  shown: { readonly record: DriverRecord; readonly message: string; readonly row: DriverStatus } | undefined

  constructor(record: DriverRecord) {
    this.id = record.id
    this.record = record
  }

  /** Waits for a Worker. */
  get queued(): boolean {
    return this.record.workerId === null
  }

  /** Back to the queue under the same id; its next launch is the next generation, above `decided`. */
  requeue(step: Step, message: string, decided = 0): void {
    const generation = Math.max(this.record.generation, decided)
    this.record = { ...this.record, state: 'SUBMITTED', generation, workerId: null, resources: {} }
    this.message = message
    step.put('driver', this.id, this.record)
  }
}
