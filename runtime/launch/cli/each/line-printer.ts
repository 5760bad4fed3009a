import { innerLimits } from '../../../inner-limits.js'
import { Spool } from './part-files.js'
import { LINE_END, TaggedLines } from './tagged-lines.js'

/** A command, and what stands before each of its lines. */
export interface LineWriter {
  readonly number: number
  readonly tag?: Uint8Array | undefined
}

interface OpenLine {
  readonly writer: LineWriter
  /** Its bytes so far, or the last of them. */
  rest: Uint8Array
  /** Others before them are in a file. */
  isSpooled: boolean
}

/**
 * Prints what many commands write at a time, line by line: a line of one is never inside a line of another.
 * What has no line end yet waits; above `eachLineBytes` it waits in a file.
 */
export class LinePrinter {
  readonly #print: (bytes: Uint8Array) => Promise<void>
  readonly #lines = new Map<number, OpenLine>()
  readonly #spool = new Spool()
  #printed: Promise<void> = Promise.resolve()

  /** `print` resolves when more may be printed. */
  constructor(print: (bytes: Uint8Array) => Promise<void>) {
    this.#print = print
  }

  /** Resolves when more may come. The next bytes of a command may come only then. */
  async write(writer: LineWriter, bytes: Uint8Array): Promise<void> {
    const { number } = writer
    const line = this.#lines.get(number) ?? { writer, rest: NOTHING, isSpooled: false }
    this.#lines.set(number, line)
    const all = line.rest.length === 0 ? bytes : Buffer.concat([line.rest, bytes])
    const end = all.lastIndexOf(LINE_END) + 1
    // A copy, because it may wait for long and must not keep the memory of all that came with it.
    line.rest = new Uint8Array(all.subarray(end))
    if (end > 0) await this.#printLines(line, all.subarray(0, end))
    if (line.rest.length <= innerLimits.eachLineBytes) return
    await this.#spool.add({ number, output: 0, attempt: 'line', bytes: line.rest })
    line.rest = NOTHING
    line.isSpooled = true
  }

  /** Prints its last line, which need not have an end. */
  async end(number: number): Promise<void> {
    const line = this.#lines.get(number)
    this.#lines.delete(number)
    if (line !== undefined && isOpen(line)) await this.#printLines(line, line.rest)
  }

  /** The command begins anew: what it had begun becomes a line of its own. */
  async cut(number: number): Promise<void> {
    const line = this.#lines.get(number)
    if (line !== undefined && isOpen(line)) await this.write(line.writer, Buffer.from([LINE_END]))
  }

  /** Prints the last lines of all commands that will write no more. */
  async endAll(): Promise<void> {
    for (const number of [...this.#lines.keys()]) await this.end(number)
  }

  close(): Promise<void> {
    return this.#spool.close()
  }

  /** Lines of commands are printed in turn. */
  #printLines(line: OpenLine, bytes: Uint8Array): Promise<void> {
    const { isSpooled, writer } = line
    line.isSpooled = false
    this.#printed = this.#printed.then(async () => {
      const tagged = new TaggedLines(writer.tag)
      if (isSpooled) {
        for await (const piece of this.#spool.take({ number: writer.number, output: 0 })) {
          await this.#print(tagged.next(piece))
        }
      }
      if (bytes.length > 0) await this.#print(tagged.next(bytes))
    })
    return this.#printed
  }
}

const NOTHING = new Uint8Array(0)
const isOpen = ({ rest, isSpooled }: OpenLine): boolean => rest.length > 0 || isSpooled
