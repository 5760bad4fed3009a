import type { LinePrinter, LineWriter } from './line-printer.js'
import type { Outputs } from './outputs.js'
import { type CommandPart, Spool } from './part-files.js'
import type { Arguments } from './records.js'
import { type CommandEnd, EndOrder } from './report.js'

interface Running {
  writer: LineWriter
  /** The attempt whose output is printed. */
  attempt: string | undefined
  /** What is still to be done, in turn. */
  work: Promise<void>
  isLive: boolean
}

export interface LineOutputsOptions {
  readonly printers: readonly LinePrinter[]
  readonly keepOrder: boolean
  /** What stands before each line. */
  readonly tagOf: ((args: Arguments, number: number) => Uint8Array) | undefined
}

/**
 * The output of commands while they run, line by line. With `keepOrder` that of the first one which has not
 * ended; what the others write waits in files.
 */
export class LineOutputs implements Outputs {
  readonly #printers: readonly LinePrinter[]
  readonly #order: EndOrder
  readonly #keepOrder: boolean
  readonly #tagOf: LineOutputsOptions['tagOf']
  readonly #running = new Map<number, Running>()
  readonly #spool = new Spool()

  /** A printer for standard output, and one for standard error. */
  constructor({ printers, keepOrder, tagOf }: LineOutputsOptions) {
    this.#printers = printers
    this.#keepOrder = keepOrder
    this.#tagOf = tagOf
    this.#order = new EndOrder(keepOrder)
  }

  part(part: CommandPart): Promise<void> {
    const { number, args } = part
    return this.#then(number, async (running) => {
      running.writer = { number, tag: running.writer.tag ?? this.#tagOf?.(args, number) }
      if (!running.isLive) return await this.#spool.add(part)
      if (running.attempt !== undefined && running.attempt !== part.attempt) {
        for (const printer of this.#printers) await printer.cut(number)
      }
      running.attempt = part.attempt
      await this.#printers[part.output]?.write(running.writer, part.bytes)
    })
  }

  async end(end: CommandEnd): Promise<void> {
    for (const { number } of this.#order.add(end)) await this.#finish(number)
    if (this.#keepOrder)
      await this.#then(this.#order.next, (running) => this.#goLive(this.#order.next, running))
  }

  skip(number: number): void {
    this.#order.skip(number)
  }

  async rest(): Promise<void> {
    for (const { number } of this.#order.rest()) await this.#finish(number)
    for (const printer of this.#printers) await printer.endAll()
  }

  async close(): Promise<void> {
    for (const kept of [this.#spool, ...this.#printers]) await kept.close()
  }

  async #finish(number: number): Promise<void> {
    await this.#then(number, async (running) => {
      await this.#goLive(number, running)
      for (const printer of this.#printers) await printer.end(number)
    })
    this.#running.delete(number)
  }

  /** Prints what has waited. What comes from now on is printed at once. */
  async #goLive(number: number, running: Running): Promise<void> {
    if (running.isLive) return
    running.isLive = true
    for (const [output, printer] of this.#printers.entries()) {
      for await (const bytes of this.#spool.take({ number, output }))
        await printer.write(running.writer, bytes)
    }
  }

  /** What is done for one command is done in turn. */
  #then(number: number, run: (running: Running) => Promise<void>): Promise<void> {
    const isLive = !this.#keepOrder || this.#order.isNext(number)
    const known = this.#running.get(number)
    const running = known ?? { writer: { number }, attempt: undefined, work: Promise.resolve(), isLive }
    this.#running.set(number, running)
    running.work = running.work.then(() => run(running))
    return running.work
  }
}
