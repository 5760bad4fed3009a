import { innerLimits } from '../../../inner-limits.js'
import type { Outputs } from './outputs.js'
import { type CommandPart, Spool } from './part-files.js'
import { type CommandEnd, EndOrder } from './report.js'

/** Prints the output of one command: for each of both, its pieces in turn. */
export type PrintGrouped = (
  end: CommandEnd,
  piecesOf: (output: number) => AsyncIterable<Uint8Array>,
) => Promise<void>

/**
 * The output of each command as a whole, never mixed with that of another. What came in parts, and what waits
 * for commands before it, is in files meanwhile.
 */
export class GroupedOutputs implements Outputs {
  readonly #order: EndOrder
  readonly #print: PrintGrouped
  readonly #spool = new Spool()
  /** Output of ends that wait in memory. */
  #waitingBytes = 0

  constructor(keepOrder: boolean, print: PrintGrouped) {
    this.#order = new EndOrder(keepOrder)
    this.#print = print
  }

  part(part: CommandPart): Promise<void> {
    return this.#spool.add(part)
  }

  async end(end: CommandEnd): Promise<void> {
    const kept = await this.#lightened(end)
    this.#waitingBytes += bytesOf(kept)
    await this.#printAll(this.#order.add(kept))
  }

  /** An end that waits, with its output in a file if many wait. */
  async #lightened(end: CommandEnd): Promise<CommandEnd> {
    const bytes = bytesOf(end)
    const fits = this.#waitingBytes + bytes <= innerLimits.eachWaitingBytes
    if (bytes === 0 || fits || this.#order.isNext(end.number)) return end
    const sent = [...end.sent] as [number, number]
    for (const [output, given] of [end.stdout, end.stderr].entries()) {
      if (given.length === 0) continue
      await this.#spool.add({ number: end.number, output, attempt: 'ended', bytes: given })
      sent[output] = given.length
    }
    return { ...end, sent, stdout: NOTHING, stderr: NOTHING }
  }

  skip(number: number): void {
    this.#order.skip(number)
  }

  rest(): Promise<void> {
    return this.#printAll(this.#order.rest())
  }

  close(): Promise<void> {
    return this.#spool.close()
  }

  async #printAll(ends: readonly CommandEnd[]): Promise<void> {
    for (const end of ends) {
      this.#waitingBytes -= bytesOf(end)
      await this.#print(end, (output) => this.#piecesOf(end, output))
    }
  }

  async *#piecesOf(end: CommandEnd, output: number): AsyncGenerator<Uint8Array> {
    const bytes = output === 0 ? end.stdout : end.stderr
    if (end.sent[output]! > 0) yield* this.#spool.take({ number: end.number, output })
    else if (bytes.length > 0) yield bytes
  }
}

const NOTHING = new Uint8Array(0)
const bytesOf = ({ stdout, stderr }: CommandEnd): number => stdout.length + stderr.length
