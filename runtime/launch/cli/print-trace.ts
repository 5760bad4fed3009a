import { printable } from '../../observe/printable.js'
import type { TracedMessage } from '../../trace/merged-trace.js'
import { mermaidComment } from '../../trace/mermaid.js'
import { type MergedTraceWriter, mergedTraceWriter } from '../../trace/show-merged-trace.js'
import type { TraceFormat } from '../../trace/trace-formats.js'
import { isShown, selected } from '../../trace/trace-selection.js'
import { traceTrees } from '../../trace/trace-tree.js'
import type { Console } from './console.js'
import type { MissingTrace } from './trace-collector.js'
import { selectionOf, type TraceOptions, viewOf } from './trace-options.js'

/** Prints a whole trace as its options say: what is selected, in the chosen form. */
export async function printTrace(
  io: Console,
  messages: readonly TracedMessage[],
  missing: readonly MissingTrace[],
  options: TraceOptions,
  nowMs: number,
): Promise<void> {
  const printer = new TracePrinter(io, formatOf(options))
  const related = selected(messages, selectionOf(options))
  const { app, driver } = options
  if (related.length === 0 && (app ?? driver) !== undefined)
    await io.err(`No message that a process remembers names ${JSON.stringify(app ?? driver)}.\n`)
  const view = isShown(viewOf(options, nowMs))
  if (options.tree) await printer.text(traceTrees(related, view))
  else await printer.messages(tailOf(related.filter(view), options.tail).map(withPayload(options)))
  await printer.missing(missing)
}

export const formatOf = (options: TraceOptions): TraceFormat =>
  options.format ?? (options.json ? 'json' : 'table')

export const tailOf = (messages: readonly TracedMessage[], tail: number | undefined) =>
  tail === undefined ? messages : messages.slice(Math.max(0, messages.length - tail))

/** Contents may have been asked for only because names stand there. */
const withPayload =
  ({ payloads }: TraceOptions) =>
  ({ payload, ...message }: TracedMessage): TracedMessage =>
    payloads && payload !== undefined ? { ...message, payload } : message

/**
 * Writes messages to standard output in the chosen format, and each missing process once, where it disturbs
 * no reader.
 */
export class TracePrinter {
  readonly #io: Console
  readonly #format: TraceFormat
  readonly #writer: MergedTraceWriter
  readonly #said = new Set<string>()

  constructor(io: Console, format: TraceFormat) {
    this.#io = io
    this.#format = format
    this.#writer = mergedTraceWriter(format)
  }

  async messages(mergedTrace: readonly TracedMessage[]): Promise<void> {
    await this.text(this.#writer.write(mergedTrace))
  }

  async text(text: string): Promise<void> {
    if (text !== '') await this.#io.out(text)
  }

  async missing(list: readonly MissingTrace[]): Promise<void> {
    for (const { process, reason } of list) {
      const key = `${process} ${reason}`
      if (this.#said.has(key)) continue
      this.#said.add(key)
      const text = printable(`missing: ${process}: ${reason}`)
      if (this.#format === 'json') await this.#io.err(`${JSON.stringify({ missing: { process, reason } })}\n`)
      else if (this.#format === 'svg') await this.#io.err(`${text}\n`)
      else if (this.#format === 'mermaid') await this.#io.out(mermaidComment(text))
      else await this.#io.out(`${text}\n`)
    }
  }
}
