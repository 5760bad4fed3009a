import { closeSync, constants, openSync, readSync } from 'node:fs'
import { innerLimits } from '../inner-limits.js'

const { O_NONBLOCK, O_RDWR } = constants

/**
 * One named pipe, read without waiting: who writes faster than it is read must wait. This side holds it open
 * for writing too. So a writer need not be there yet, and nobody else who has it open is waited for.
 *
 * It is no stream of Node: a thread closes at its end the descriptors that it has opened, and does not learn
 * that a stream has closed one, so it would close what got the same number since.
 */
export class NamedPipe {
  readonly #descriptor: number
  #buffer = Buffer.alloc(0)

  /** The pipe exists already. */
  constructor(path: string) {
    this.#descriptor = openSync(path, O_RDWR | O_NONBLOCK)
  }

  /** What is in it; undefined: nothing at the moment. It is overwritten by the next `read`. */
  read(): Uint8Array | undefined {
    if (this.#buffer.length === 0) this.#buffer = Buffer.allocUnsafeSlow(innerLimits.pipePieceBytes)
    const count = readNow(this.#descriptor, this.#buffer)
    return count === 0 ? undefined : this.#buffer.subarray(0, count)
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

/** 0: it is empty. */
function readNow(descriptor: number, bytes: Uint8Array): number {
  const { stackTraceLimit } = Error
  try {
    // An empty pipe is looked at many times, and its stack would be most of what that takes.
    Error.stackTraceLimit = 0
    return readSync(descriptor, bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
    throw error
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
