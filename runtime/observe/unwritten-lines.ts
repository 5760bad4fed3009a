import { writeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { systemCodeOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'

type Stream = Pick<Writable, 'write' | 'writableLength'>

/**
 * The lines of a log that the operating system has not taken yet. A pipe that is full for a moment leaves
 * them in this process, and `process.exit` or an uncaught exception would drop them. So the end of the
 * process writes them, and waits a bounded time for the reader.
 */
export class UnwrittenLines {
  readonly #stream: Stream
  readonly #lines: string[] = []
  /** Lines before this one were taken. */
  #first = 0
  /** Lines before this one may be given to the stream. */
  #ready = 0
  /** The stream has the first line that was not taken. */
  #isGiven = false
  /** The operating system refused a line, and may have taken a part of it, or of the one before. */
  #isTorn = false
  #onEmpty = (): void => undefined

  constructor(stream: Stream) {
    this.#stream = stream
  }

  /** From now on the end of the process writes what is left. */
  watch(): void {
    if (watched.size === 0) process.on('exit', writeAll)
    watched.add(this)
  }

  unwatch(): void {
    watched.delete(this)
    if (watched.size === 0) process.off('exit', writeAll)
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0
  }

  /** Resolves when the operating system has all lines. */
  emptied(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isEmpty) resolve()
      else this.#onEmpty = resolve
    })
  }

  add(line: string): void {
    this.#lines.push(line)
  }

  /** Writes the oldest line that was not ready, as soon as those before it were taken. */
  write(): boolean {
    this.#ready++
    this.#give()
    return true
  }

  /**
   * The stream has one line at a time. It would write several together, and say nothing of those that the
   * kernel has until it has all. The end of the process would then write these once more.
   */
  #give(): void {
    while (!this.#isGiven && this.#first < this.#ready) {
      this.#isGiven = true
      let isTaken = false
      const taken = (): void => {
        if (!isTaken) this.#taken()
        isTaken = true
      }
      const line = `${this.#lines[this.#first]}\n`
      // The line break keeps that part apart.
      const text = this.#isTorn ? `\n${line}` : line
      this.#isTorn = false
      this.#stream.write(text, (error) => {
        if (error) this.#isTorn = true
        taken()
        this.#give()
      })
      // The stream tells its writers late what the kernel took at once, but it knows how much it still has.
      if (this.#stream.writableLength === 0) taken()
    }
  }

  #taken(): void {
    this.#isGiven = false
    this.#first++
    // Cutting the list at each line would copy it each time.
    if (this.#first === this.#lines.length || this.#first > CUT_LINES) this.#cut()
    if (this.isEmpty) this.#onEmpty()
  }

  #cut(): void {
    this.#lines.splice(0, this.#first)
    this.#ready -= this.#first
    this.#first = 0
  }

  writeAll(): void {
    const left = this.#lines.slice(this.#first)
    if (left.length === 0) return
    // The kernel may have taken a part of the oldest line. The line break keeps that part apart.
    writeNow(`\n${left.join('\n')}`)
    this.#first = this.#lines.length
    this.#cut()
  }
}

const CUT_LINES = innerLimits.logLinesCut
const watched = new Set<UnwrittenLines>()
const writeAll = (): void => {
  for (const lines of watched) lines.writeAll()
}

/** Waiting on memory that nobody changes is a pause for a thread that must not return to its event loop. */
const clock = new Int32Array(new SharedArrayBuffer(4))

/**
 * Writes a line to stderr before it returns. A reader that has taken nothing for `logExitMs` has stopped, and
 * must not keep this process from ending.
 */
export function writeNow(line: string): void {
  const bytes = Buffer.from(`${line}\n`)
  let offset = 0
  for (let untilMs = performance.now() + innerLimits.logExitMs; offset < bytes.length; ) {
    try {
      offset += writeSync(2, bytes, offset)
      untilMs = performance.now() + innerLimits.logExitMs
    } catch (error) {
      // The reader is gone or stuck, and nobody is left to tell.
      if (systemCodeOf(error) !== 'EAGAIN' || performance.now() > untilMs) return
      Atomics.wait(clock, 0, 0, 1)
    }
  }
}
