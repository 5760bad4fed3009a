import { closeSync, constants, openSync, readSync } from 'node:fs'
// biome-ignore lint/style/noRestrictedImports: a pipe of the file system, no network
import { Socket } from 'node:net'
import { innerLimits } from '../inner-limits.js'

const { O_NONBLOCK, O_RDONLY, O_RDWR } = constants

/**
 * A named pipe, read as it fills: who writes faster than it is read must wait. This side holds it open for
 * writing too. So a writer need not be there yet, and its end is not waited for: `rest` is what it has left.
 */
export class NamedPipe {
  readonly #both: number
  readonly #socket: Socket

  /** The pipe exists already. `onReadable` is called when `read` may have more. */
  constructor(path: string, onReadable: () => void) {
    this.#both = openSync(path, O_RDWR | O_NONBLOCK)
    const fd = openSync(path, O_RDONLY | O_NONBLOCK)
    this.#socket = new Socket({ fd, readable: true, writable: false })
    this.#socket.on('readable', onReadable)
    // What it had is in the rest.
    this.#socket.on('error', onReadable)
  }

  /** Undefined: nothing at the moment. */
  read(): Uint8Array | undefined {
    return (this.#socket.read() as Buffer | null) ?? undefined
  }

  /** All that is in it now. It is closed afterwards. */
  *rest(): Generator<Uint8Array, void, undefined> {
    const read = this.read()
    this.#socket.destroy()
    try {
      if (read !== undefined) yield read
      for (;;) {
        const bytes = Buffer.allocUnsafeSlow(innerLimits.pipePieceBytes)
        const count = readNow(this.#both, bytes)
        if (count === 0) return
        yield bytes.subarray(0, count)
      }
    } finally {
      closeSync(this.#both)
    }
  }
}

/** 0: it is empty. */
function readNow(descriptor: number, bytes: Uint8Array): number {
  try {
    return readSync(descriptor, bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
    throw error
  }
}
