import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { invalid } from './bytes.js'
import type { AttemptKey, Chunk } from './task-entries.js'
import { CHUNK_BYTES, type Emit, writeChunk } from './tasks.js'

/** What a stream needs from a link. */
export interface PayloadLink {
  /** False: send no more until `drain`. */
  sendPayload(parts: readonly Uint8Array[]): boolean
}

interface OutgoingBody extends AttemptKey {
  readonly body: Uint8Array
  readonly isWanted: () => boolean
  readonly done: () => void
  offset: number
}

/**
 * The sending half of the task conversation over one link. It obeys the link's back-pressure, and cuts large
 * bodies into chunks that are sent between other frames.
 */
export class TaskStream {
  readonly #link: PayloadLink
  readonly #jobs: (() => void)[] = []
  readonly #bodies: OutgoingBody[] = []
  #blocked = false

  constructor(link: PayloadLink) {
    this.#link = link
  }

  /** Writes frames at once, before all that waits: for small urgent messages. */
  readonly emit: Emit = (parts) => {
    if (!this.#link.sendPayload(parts)) this.#blocked = true
  }

  /** True: more is waiting than the link takes at once. */
  get isBlocked(): boolean {
    return this.#blocked || this.#jobs.length > 0
  }

  /** Runs `job` as soon as the link takes its frames, in order. A job emits 1 MiB at most. */
  push(job: () => void): void {
    if (this.isBlocked) this.#jobs.push(job)
    else job()
  }

  /** Sends a body in chunks, then calls `done`, which sends the message that refers to it. */
  sendBody(key: AttemptKey, body: Uint8Array, isWanted: () => boolean, done: () => void): void {
    this.#bodies.push({ taskId: key.taskId, n: key.n, body, isWanted, done, offset: 0 })
    this.#pump()
  }

  /** Call it when the link takes more. */
  drained(): void {
    this.#blocked = false
    let ran = 0
    while (ran < this.#jobs.length && !this.#blocked) (this.#jobs[ran++] as () => void)()
    this.#jobs.splice(0, ran)
    this.#pump()
  }

  #pump(): void {
    while (!this.isBlocked) {
      const next = this.#bodies[0]
      if (next === undefined) return
      if (!next.isWanted()) {
        this.#bodies.shift()
      } else if (next.offset >= next.body.byteLength) {
        this.#bodies.shift()
        next.done()
      } else {
        writeChunk(next, next.body, next.offset, this.emit)
        next.offset += CHUNK_BYTES
      }
    }
  }
}

interface PartialBody extends AttemptKey {
  readonly bytes: Buffer
  received: number
}

/**
 * Joins chunked bodies, one at a time as a stream sends them, and none over `maxBytes`. So a peer that begins
 * many bodies and ends none takes no more memory than an honest one.
 */
export class BodyAssembly {
  #part: PartialBody | undefined
  readonly #maxBytes: () => number

  constructor(maxBytes: () => number) {
    this.#maxBytes = maxBytes
  }

  /** Throws FRAME_INVALID. */
  add({ taskId, n, totalBytes, bytes }: Chunk): void {
    if (totalBytes > this.#maxBytes()) throw invalid(`a body announces ${totalBytes} bytes`)
    let part = this.#part
    if (part?.taskId !== taskId || part.n !== n || part.bytes.length !== totalBytes) {
      // The former body is dropped before the allocation, because it will not be completed.
      this.#part = undefined
      part = { taskId, n, bytes: capacityFor(totalBytes), received: 0 }
      this.#part = part
    }
    if (part.received + bytes.byteLength > totalBytes) throw invalid('a body has more bytes than announced')
    part.bytes.set(bytes, part.received)
    part.received += bytes.byteLength
  }

  /** Takes the body of an attempt. Throws FRAME_INVALID if it is not complete. */
  take({ taskId, n }: AttemptKey): Uint8Array {
    const part = this.#part
    if (part?.taskId !== taskId || part.n !== n) throw invalid('a body has not come')
    this.#part = undefined
    if (part.received !== part.bytes.length) {
      throw invalid('a body has not come whole')
    }
    return part.bytes
  }

  discard(taskId: number): void {
    if (this.#part?.taskId === taskId) this.#part = undefined
  }

  clear(): void {
    this.#part = undefined
  }
}

/** Throws FRAME_INVALID if this process lacks the memory, whatever the limit is. */
function capacityFor(bytes: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(bytes)
  } catch {
    throw invalid(`there is no memory for a body of ${bytes} bytes`)
  }
}

const JOB_BYTES = innerLimits.taskJobBytes
const JOB_ENTRIES = limits.taskWindow

/** Cuts entries into groups whose bodies fit one job. */
export function* jobsOf<T>(entries: readonly T[], bytesOf: (entry: T) => number): Generator<readonly T[]> {
  let from = 0
  let bytes = 0
  for (let index = 0; index < entries.length; index++) {
    bytes += bytesOf(entries[index] as T)
    if (bytes < JOB_BYTES && index - from < JOB_ENTRIES) continue
    yield entries.slice(from, index + 1)
    from = index + 1
    bytes = 0
  }
  if (from < entries.length) yield from === 0 ? entries : entries.slice(from)
}
