import { Buffer } from 'node:buffer'
import { limits } from '../../runtime/limits.js'
import { type ResultStatus, resultStatuses } from '../messages/tasks.js'

/*
 * Memory that an executor's main thread shares with one task thread. What a thread has written is read though the
 * thread is stuck in user code or dead; what it has not begun can be taken back without asking it.
 */

const WRITE = 0
const READ = 1
const NOTIFIED = 2
/** The position behind the last one that the thread has claimed or passed over. */
const PASSED = 3
const HEADER_WORDS = 4
const CLAIMED_AT_BYTES = 8
/** Positions between the thread and the newest post: a slot is written again only when the thread has passed it. */
const SLOTS = limits.threadQueue * 4
const DATA_OFFSET = HEADER_WORDS * 4 + CLAIMED_AT_BYTES + SLOTS * 4
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

export function createSharedMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(DATA_OFFSET + limits.threadRingBytes)
}

const roomOf = (bodyBytes: number): number => (RECORD_BYTES + bodyBytes + 7) & ~7

/** One writer (the thread), one reader (the main thread). Positions number the tasks of this thread from 0. */
export class SharedRing {
  readonly #words: Int32Array
  readonly #claimedAt: Float64Array
  readonly #slots: Int32Array
  readonly #data: Buffer
  readonly #mask: number

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, HEADER_WORDS)
    this.#claimedAt = new Float64Array(memory, HEADER_WORDS * 4, 1)
    this.#slots = new Int32Array(memory, HEADER_WORDS * 4 + CLAIMED_AT_BYTES, SLOTS)
    this.#data = Buffer.from(memory, DATA_OFFSET)
    this.#mask = this.#data.length - 1
  }

  // The main thread

  /** Before a task is posted. */
  post(position: number): void {
    Atomics.store(this.#slots, position % SLOTS, slotState.posted)
  }

  /** How many may be posted from `next` on: what was taken back still has its slot until the thread has passed it. */
  freeSlots(next: number): number {
    return SLOTS - ((next - Atomics.load(this.#words, PASSED)) | 0)
  }

  /** True: the thread has not begun it and never will. */
  revoke(position: number): boolean {
    const { posted, revoked } = slotState
    return Atomics.compareExchange(this.#slots, position % SLOTS, posted, revoked) === posted
  }

  state(position: number): number {
    return Atomics.load(this.#slots, position % SLOTS)
  }

  /** When the running task was begun, in ms of `epochNow`. */
  get claimedAtMs(): number {
    return this.#claimedAt[0] as number
  }

  /** Takes all records that are there. */
  drain(): RingRecord[] {
    Atomics.store(this.#words, NOTIFIED, 0)
    const write = Atomics.load(this.#words, WRITE)
    let read = Atomics.load(this.#words, READ)
    const records: RingRecord[] = []
    while (read !== write) {
      const at = (read & this.#mask) >>> 0
      const length = this.#data.readUInt32LE(at)
      if (length === SKIP) {
        read = (read + this.#data.length - at) | 0
        continue
      }
      records.push(this.#record(at, length))
      read = (read + roomOf(length)) | 0
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
  claim(position: number): boolean {
    const { posted, claimed } = slotState
    // The time first: who sees the claim must not see the time of the task before.
    this.#claimedAt[0] = epochNow()
    const mine = Atomics.compareExchange(this.#slots, position % SLOTS, posted, claimed) === posted
    // One taken back is never looked at again; a claimed slot is free only when it is done.
    if (!mine) this.#pass(position)
    return mine
  }

  #pass(position: number): void {
    Atomics.store(this.#words, PASSED, (position + 1) | 0)
  }

  /** Leaves a result; `body` undefined: it was posted beside the ring. Waits where the reader is behind. */
  write(position: number, status: ResultStatus, body: Uint8Array | undefined): void {
    const length = body?.byteLength ?? 0
    const room = roomOf(length)
    let write = Atomics.load(this.#words, WRITE)
    const at = (write & this.#mask) >>> 0
    const rest = this.#data.length - at
    if (rest < room) {
      this.#waitForRoom(write, rest + room)
      this.#data.writeUInt32LE(SKIP, at)
      write = (write + rest) | 0
    } else {
      this.#waitForRoom(write, room)
    }
    const start = (write & this.#mask) >>> 0
    this.#data.writeUInt32LE(length, start)
    this.#data[start + 4] = resultStatuses.indexOf(status) | (body === undefined ? LARGE_FLAG : 0)
    this.#data.writeDoubleLE(position, start + 8)
    if (body !== undefined) this.#data.set(body, start + RECORD_BYTES)
    Atomics.store(this.#words, WRITE, (write + room) | 0)
    Atomics.store(this.#slots, position % SLOTS, slotState.done)
    this.#pass(position)
  }

  /** True once until the reader has drained: then it must be woken. */
  needsNotice(): boolean {
    const unread = Atomics.load(this.#words, WRITE) !== Atomics.load(this.#words, READ)
    return unread && Atomics.exchange(this.#words, NOTIFIED, 1) === 0
  }

  /** The reader looks every `threadLookMs` in any case. */
  #waitForRoom(write: number, bytes: number): void {
    for (;;) {
      const read = Atomics.load(this.#words, READ)
      if (((write - read) | 0) + bytes <= this.#data.length) return
      Atomics.wait(this.#words, READ, read, limits.threadLookMs)
    }
  }
}

/** One clock for all threads of a process: their performance.now() begin at different times. */
export function epochNow(): number {
  return performance.timeOrigin + performance.now()
}
