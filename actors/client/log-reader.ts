import { Buffer } from 'node:buffer'
import { errorOf, FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import type { LogChunk } from '../messages/status.js'

/** One log stream from a Worker: takes chunks, gives bytes in order to one reader. */
export class LogReader implements AsyncIterableIterator<Buffer> {
  readonly #stop: () => void
  #chunks: Buffer[] = []
  #bytes = 0
  #end: { readonly error?: FiresteelError } | undefined
  #wake: (() => void) | undefined
  #next: number | undefined
  #position: number | undefined

  /** `stop` is called once, when no more is wanted. */
  constructor(stop: () => void) {
    this.#stop = stop
  }

  /** Where the output goes on after what was read so far, in bytes ever written; undefined: not known. */
  get position(): number | undefined {
    return this.#position
  }

  take({ data, next, end, error }: LogChunk): void {
    if (this.#end) return
    this.#next = next ?? this.#next
    const bytes = Buffer.from(data, 'base64')
    if (bytes.length > 0) this.#chunks.push(bytes)
    this.#bytes += bytes.length
    if (error !== undefined) this.fail(errorOfChunk(error))
    else if (end) this.#finish({})
    else if (this.#bytes > limits.logBacklogBytes) {
      this.fail(new FiresteelError('BUSY', `The reader is ${this.#bytes} bytes behind the log.`))
    }
    this.#wake?.()
  }

  /** Ends the stream with an error, which is thrown after the bytes received so far. */
  fail(error: FiresteelError): void {
    this.#finish({ error })
  }

  async next(): Promise<IteratorResult<Buffer>> {
    while (this.#chunks.length === 0 && !this.#end) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const chunks = this.#chunks.splice(0)
    this.#position = this.#next
    if (chunks.length > 0) {
      this.#bytes = 0
      return { done: false, value: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) }
    }
    const error = this.#end?.error
    this.#end = {}
    if (error) throw error
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Buffer>> {
    this.#chunks = []
    this.#finish({})
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #finish(end: { readonly error?: FiresteelError }): void {
    if (this.#end) return
    this.#end = end
    this.#wake?.()
    this.#stop()
  }
}

/** Parses the `CODE: sentence` of a Worker. */
function errorOfChunk(text: string): FiresteelError {
  const [, code = 'FIRESTEEL_INTERNAL', message = text] = /^(FIRESTEEL_[A-Z_]+): (.*)$/s.exec(text) ?? []
  return errorOf({ code, message })
}
