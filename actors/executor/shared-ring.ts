import { Buffer } from 'node:buffer'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { type ResultStatus, resultStatuses } from '../messages/task-entries.js'
import { INLINE_BYTES } from '../messages/tasks.js'
import { performanceNow } from './own-globals.js'

/*
 * Memory that an executor's main thread shares with one task thread. The main thread can read what a thread
 * has written even if the thread is stuck in user code or dead. It can take back unbegun tasks without asking
 * the thread.
 */

const WRITE = 0
const READ = 1
const NOTIFIED = 2
/** How many tasks the thread has reached, which are those that it has begun or passed. */
const REACHED = 3
/** The number of slots, which is set once. */
const SLOTS = 4
const HEADER_WORDS = 6
const TIME_BYTES = 8
/** A record has the length of the body (or SKIP), the status, the large flag and the position. */
const RECORD_BYTES = 16
const SKIP = 0xffffffff
const LARGE_FLAG = 0x80

/**
 * State of a slot. A thread changes only what is `posted` or `revoked`, and never looks at a slot again after
 * that. `passed`: the thread has skipped the revoked task. `free`: the main thread has read the end of the
 * task.
 */
export const slotState = { posted: 0, claimed: 1, revoked: 2, passed: 3, free: 4 } as const

export interface RingRecord {
  readonly position: number
  readonly status: ResultStatus
  /** Undefined: the body is too large for the ring and was posted beside it, earlier. */
  readonly body: Uint8Array | undefined
}

export interface RingSize {
  /**
   * Tasks that were posted and are not yet free, among them those that were taken back and that the thread
   * has not passed.
   */
  readonly slots: number
  /** Size of the part for results; a power of two. */
  readonly bytes: number
}

/** The size for a thread that holds at most `tasks` at a time. */
export const ringSizeFor = (tasks: number): RingSize => ({
  slots: innerLimits.threadSlotsPerTask * tasks,
  bytes: limits.threadRingBytes,
})

export function createSharedMemory({ slots, bytes }: RingSize): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(dataOffset(slots) + bytes)
  const words = new Int32Array(memory, 0, HEADER_WORDS)
  words[SLOTS] = slots
  new Int32Array(memory, stateOffset(slots), slots).fill(slotState.free)
  return memory
}

/** To ask for it each time would cost more than the time itself. */
const TIME_ORIGIN_MS = performance.timeOrigin
const TIMES_OFFSET = HEADER_WORDS * 4
const stateOffset = (slots: number): number => TIMES_OFFSET + slots * TIME_BYTES
const dataOffset = (slots: number): number => roundUp(stateOffset(slots) + slots * 4)
const capacityOf = (bodyBytes: number): number => roundUp(RECORD_BYTES + bodyBytes)
const roundUp = (bytes: number): number => (bytes + 7) & ~7

/**
 * Has one writer (the thread) and one reader (the main thread). A position names one post of one task and
 * never comes again. Its slot is `position % slots`; a slot is used again with the next position that has it.
 */
export class SharedRing {
  /**
   * Larger bodies go beside the ring, because a body of this size must fit although the end of the ring is
   * skipped.
   */
  readonly inlineBytes: number
  readonly #words: Int32Array
  readonly #claimedAt: Float64Array
  readonly #slots: Int32Array
  readonly slotCount: number
  readonly #data: Buffer
  readonly #mask: number
  /** Where the reader was at the last `write` that found no space. */
  #readerAt = 0
  /** The thread's own count. */
  #reached = 0

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, HEADER_WORDS)
    this.slotCount = this.#words[SLOTS] as number
    this.#claimedAt = new Float64Array(memory, TIMES_OFFSET, this.slotCount)
    this.#slots = new Int32Array(memory, stateOffset(this.slotCount), this.slotCount)
    this.#data = Buffer.from(memory, dataOffset(this.slotCount))
    this.#mask = this.#data.length - 1
    this.inlineBytes = Math.min(INLINE_BYTES, this.#data.length / 2 - RECORD_BYTES)
  }

  // The main thread

  /** Call it before the task is posted. */
  post(position: number): void {
    Atomics.store(this.#slots, position % this.slotCount, slotState.posted)
  }

  /** Its record has been read: the slot may be used again. */
  release(position: number): void {
    Atomics.store(this.#slots, position % this.slotCount, slotState.free)
  }

  /** True: the thread has not begun the task and never will. */
  revoke(position: number): boolean {
    const { posted, revoked } = slotState
    return Atomics.compareExchange(this.#slots, position % this.slotCount, posted, revoked) === posted
  }

  state(position: number): number {
    return Atomics.load(this.#slots, position % this.slotCount)
  }

  /** True: the thread has reached a task. */
  get hasBegun(): boolean {
    return this.reached !== 0
  }

  /** How many tasks the thread has reached, as 32 bits: it is only compared with the number posted. */
  get reached(): number {
    return Atomics.load(this.#words, REACHED)
  }

  /** When a claimed task began, in ms of the thread's clock. */
  claimedAtMs(position: number): number {
    return this.#claimedAt[position % this.slotCount] as number
  }

  /** Takes all present records. */
  drain(): RingRecord[] {
    // This comes first, so that a record written from now on gives a notice of its own.
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
      // The body is copied, because this part of the ring will be written again.
      body: large ? undefined : Buffer.from(this.#data.subarray(start, start + length)),
    }
  }

  // The thread

  /** False: the main thread has revoked the task. */
  claim(position: number, nowMs: number): boolean {
    const { posted, claimed, passed } = slotState
    const slot = position % this.slotCount
    // The time is written first, so that a reader of the claim never sees the time of the slot's task before.
    this.#claimedAt[slot] = nowMs
    const mine = Atomics.compareExchange(this.#slots, slot, posted, claimed) === posted
    if (!mine) Atomics.store(this.#slots, slot, passed)
    this.#reached = (this.#reached + 1) | 0
    Atomics.store(this.#words, REACHED, this.#reached)
    return mine
  }

  /**
   * Writes a result. `body` undefined: it was posted beside the ring. False: nothing was written, because the
   * reader is behind.
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
    return true
  }

  /** Waits after a `write` without space. The reader reads at least every `threadLookMs`. */
  waitForReader(): void {
    Atomics.wait(this.#words, READ, this.#readerAt, limits.threadLookMs)
  }

  /** True once until the reader has drained the ring: the caller then has to wake it. */
  needsNotice(): boolean {
    const unread = Atomics.load(this.#words, WRITE) !== Atomics.load(this.#words, READ)
    return unread && Atomics.exchange(this.#words, NOTIFIED, 1) === 0
  }
}

/** One clock for all threads of a process, because their performance.now() have different origins. */
export function epochNow(): number {
  return TIME_ORIGIN_MS + performanceNow()
}
