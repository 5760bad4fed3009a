import { Buffer } from 'node:buffer'
import { limits } from '../../runtime/limits.js'
import { INLINE_BYTES, type ResultStatus, resultStatuses } from '../messages/tasks.js'

/*
 * Memory that an executor's main thread shares with one task thread. What a thread has written is read though the
 * thread is stuck in user code or dead; what it has not begun can be taken back without asking it.
 */

const WRITE = 0
const READ = 1
const NOTIFIED = 2
/** The position behind the last one that the thread has claimed or passed over. */
const PASSED = 3
/** How many slots there are: set once. */
const SLOTS = 4
const HEADER_WORDS = 6
const CLAIMED_AT_BYTES = 8
const SLOTS_OFFSET = HEADER_WORDS * 4 + CLAIMED_AT_BYTES
/** Record: length of the body (or SKIP), status, large, position. */
const RECORD_BYTES = 16
const SKIP = 0xffffffff
const LARGE_FLAG = 0x80

/** Of a posted task. `done`: its record is in the ring. */
export const slotState = { posted: 0, claimed: 1, revoked: 2, done: 3 } as const

export interface RingRecord {
  readonly position: number
  readonly status: ResultStatus
  /** Undefined: too large for the ring, posted beside it before. */
  readonly body: Uint8Array | undefined
}

export interface RingSize {
  /** Positions between the thread and the newest post: a slot is written again only when the thread has passed it. */
  readonly slots: number
  /** For results; a power of two. */
  readonly bytes: number
}

const ringSize: RingSize = { slots: limits.threadQueue * 4, bytes: limits.threadRingBytes }

export function createSharedMemory({ slots, bytes }: RingSize = ringSize): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(dataOffset(slots) + bytes)
  new Int32Array(memory, 0, HEADER_WORDS)[SLOTS] = slots
  return memory
}

const dataOffset = (slots: number): number => roundUp(SLOTS_OFFSET + slots * 4)
const capacityOf = (bodyBytes: number): number => roundUp(RECORD_BYTES + bodyBytes)
const roundUp = (bytes: number): number => (bytes + 7) & ~7

/** One writer (the thread), one reader (the main thread). Positions number the tasks of this thread from 0. */
export class SharedRing {
  /** Larger bodies go beside the ring: it must have room for one behind a rest that is too small for it. */
  readonly inlineBytes: number
  readonly #words: Int32Array
  readonly #claimedAt: Float64Array
  readonly #slots: Int32Array
  readonly #slotCount: number
  readonly #data: Buffer
  readonly #mask: number
  /** Where the reader was when there was no room. */
  #readerAt = 0

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, HEADER_WORDS)
    this.#slotCount = this.#words[SLOTS] as number
    this.#claimedAt = new Float64Array(memory, HEADER_WORDS * 4, 1)
    this.#slots = new Int32Array(memory, SLOTS_OFFSET, this.#slotCount)
    this.#data = Buffer.from(memory, dataOffset(this.#slotCount))
    this.#mask = this.#data.length - 1
    this.inlineBytes = Math.min(INLINE_BYTES, this.#data.length / 2 - RECORD_BYTES)
  }

  // The main thread

  /** Before a task is posted. */
  post(position: number): void {
    Atomics.store(this.#slots, position % this.#slotCount, slotState.posted)
  }

  /**
   * How many may be posted from `next` on. What was taken back has its slot until the thread has passed it; so has all
   * from `oldest` on, of which the main thread has not read the end: it would take the slot's next task for it.
   */
  freeSlots(next: number, oldest: number): number {
    const taken = Math.max((next - Atomics.load(this.#words, PASSED)) | 0, next - oldest)
    return this.#slotCount - taken
  }

  /** True: the thread has not begun it and never will. */
  revoke(position: number): boolean {
    const { posted, revoked } = slotState
    return Atomics.compareExchange(this.#slots, position % this.#slotCount, posted, revoked) === posted
  }

  state(position: number): number {
    return Atomics.load(this.#slots, position % this.#slotCount)
  }

  /** The thread has looked at a task, and is done with it. */
  get hasPassed(): boolean {
    return Atomics.load(this.#words, PASSED) !== 0
  }

  /** When the running task was begun, in ms of the thread's clock. */
  get claimedAtMs(): number {
    return this.#claimedAt[0] as number
  }

  /** Takes all records that are there. */
  drain(): RingRecord[] {
    // First: what is written after this has its own notice.
    Atomics.store(this.#words, NOTIFIED, 0)
    const write = Atomics.load(this.#words, WRITE)
    let read = Atomics.load(this.#words, READ)
    const records: RingRecord[] = []
    while (((write - read) | 0) > 0) {
      const at = (read & this.#mask) >>> 0
      const length = this.#data.readUInt32LE(at)
      if (length === SKIP) {
        read = (read + this.#data.length - at) | 0
        continue
      }
      records.push(this.#record(at, length))
      read = (read + capacityOf(length)) | 0
    }
    Atomics.store(this.#words, READ, read)
    Atomics.notify(this.#words, READ)
    return records
  }

  #record(at: number, length: number): RingRecord {
    const code = this.#data[at + 4] as number
    const large = (code & LARGE_FLAG) !== 0
    const start = at + RECORD_BYTES
    return {
      position: this.#data.readDoubleLE(at + 8),
      status: resultStatuses[code & ~LARGE_FLAG] as ResultStatus,
      // Copied: the room is written to again.
      body: large ? undefined : Buffer.from(this.#data.subarray(start, start + length)),
    }
  }

  // The thread

  /** False: it was taken back. */
  claim(position: number, nowMs: number): boolean {
    const { posted, claimed } = slotState
    // The time first: who sees the claim must not see the time of the task before.
    this.#claimedAt[0] = nowMs
    const slot = position % this.#slotCount
    const mine = Atomics.compareExchange(this.#slots, slot, posted, claimed) === posted
    // One taken back is never looked at again; a claimed slot is free only when it is done.
    if (!mine) this.#pass(position)
    return mine
  }

  #pass(position: number): void {
    Atomics.store(this.#words, PASSED, (position + 1) | 0)
  }

  /**
   * Leaves a result; `body` undefined: it was posted beside the ring. False: nothing was written, since the reader is
   * behind.
   */
  write(position: number, status: ResultStatus, body: Uint8Array | undefined): boolean {
    const length = body?.byteLength ?? 0
    const capacity = capacityOf(length)
    const write = Atomics.load(this.#words, WRITE)
    const at = (write & this.#mask) >>> 0
    const rest = this.#data.length - at
    const skipped = rest < capacity ? rest : 0
    this.#readerAt = Atomics.load(this.#words, READ)
    if (((write - this.#readerAt) | 0) + skipped + capacity > this.#data.length) return false
    if (skipped > 0) this.#data.writeUInt32LE(SKIP, at)
    const start = skipped > 0 ? 0 : at
    this.#data.writeUInt32LE(length, start)
    this.#data[start + 4] = resultStatuses.indexOf(status) | (body === undefined ? LARGE_FLAG : 0)
    this.#data.writeDoubleLE(position, start + 8)
    if (body !== undefined) this.#data.set(body, start + RECORD_BYTES)
    Atomics.store(this.#words, WRITE, (write + skipped + capacity) | 0)
    Atomics.store(this.#slots, position % this.#slotCount, slotState.done)
    this.#pass(position)
    return true
  }

  /** After a `write` that found no room. The reader looks every `threadLookMs` in any case. */
  waitForReader(): void {
    Atomics.wait(this.#words, READ, this.#readerAt, limits.threadLookMs)
  }

  /** True once until the reader has drained: then it must be woken. */
  needsNotice(): boolean {
    const unread = Atomics.load(this.#words, WRITE) !== Atomics.load(this.#words, READ)
    return unread && Atomics.exchange(this.#words, NOTIFIED, 1) === 0
  }
}

/** One clock for all threads of a process: their performance.now() begin at different times. */
export function epochNow(): number {
  return performance.timeOrigin + performance.now()
}
