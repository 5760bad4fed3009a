import type { MasterClient } from '../../../actors/client/master-client.js'
import { periodicMessages } from '../../../actors/messages/trace.js'
import { isFiresteelError } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import { printable } from '../../observe/printable.js'
import { pause } from '../../pause.js'
import { MergedTrace, type TracedMessage } from '../../trace/merged-trace.js'
import { mermaidComment } from '../../trace/mermaid.js'
import { type MergedTraceWriter, mergedTraceWriter } from '../../trace/show-merged-trace.js'
import type { TraceFormat } from '../../trace/trace-formats.js'
import type { ClusterOptions } from './commands/cluster.js'
import type { Console } from './console.js'
import { type MissingTrace, TraceCollector, type TraceFilter } from './trace-collector.js'
import { goneClients, goneNodes } from './trace-gone.js'

export interface TraceOptions extends ClusterOptions {
  readonly follow?: true
  readonly message?: readonly string[]
  readonly actor?: string
  readonly since?: number
  readonly format?: TraceFormat
  readonly payloads?: true
  readonly quiet?: true
  readonly tail?: number
}

/** `-f` asks the leader for its processes this often. */
const LOOK_AGAIN_MS = innerLimits.traceMembersMs

function filterOf({ message, actor, since, payloads, quiet }: TraceOptions): TraceFilter {
  return {
    ...(message && { messages: [...message] }),
    ...(actor !== undefined && { actor }),
    ...(since !== undefined && { sinceAgoMs: since }),
    ...(payloads && { payloads }),
    // Messages that were asked for by name are never left out.
    ...(quiet && !message && { except: [...periodicMessages], toOthers: true }),
  }
}

/** What `firesteel trace` prints, once its client is there. */
export async function showTrace(io: Console, client: MasterClient, options: TraceOptions): Promise<number> {
  const format = options.format ?? (options.json ? 'json' : 'table')
  const collector = new TraceCollector(client, filterOf(options))
  const mergedTrace = new MergedTrace([client.incarnation])
  const printer = new Printer(io, format)
  let noMaster: unknown
  try {
    await collector.look(options.masterTimeout)
  } catch (error) {
    // A trace without a leader shows what the Masters know, and then says that nobody leads.
    if (!isFiresteelError(error, 'NO_MASTER')) throw error
    noMaster = error
  }
  const { traces, missing } = await collector.collect()
  for (const trace of traces) mergedTrace.add(trace)
  const untilMs = options.follow ? Date.now() - limits.traceFollowMs : undefined
  await printer.messages(tailOf(mergedTrace.take(untilMs), options.tail))
  const absent = mergedTrace.absent()
  await printer.missing([...missing, ...goneNodes(absent), ...goneClients(absent)])
  if (noMaster && !options.follow) throw noMaster
  if (options.follow) await follow(io, collector, mergedTrace, printer)
  return 0
}

const tailOf = (messages: readonly TracedMessage[], tail: number | undefined): readonly TracedMessage[] =>
  tail === undefined ? messages : messages.slice(Math.max(0, messages.length - tail))

/** Goes on until nobody reads any more. An interruption ends the command from outside. */
async function follow(
  io: Console,
  collector: TraceCollector,
  mergedTrace: MergedTrace,
  printer: Printer,
): Promise<void> {
  let lookMs = performance.now() + LOOK_AGAIN_MS
  while (!io.readerGone.aborted && !io.interrupted.aborted) {
    await pause(limits.traceFollowMs, io.readerGone)
    if (performance.now() >= lookMs) {
      // While there is no leader, the processes known before are asked.
      await collector.look(limits.traceFollowMs).catch(() => undefined)
      lookMs = performance.now() + LOOK_AGAIN_MS
    }
    // Every process is asked after this time, so that nothing older can come later.
    const untilMs = Date.now() - limits.traceFollowMs
    const { traces, missing } = await collector.collect()
    // Requests under way failed because this command ends.
    if (io.interrupted.aborted) return
    for (const trace of traces) mergedTrace.add(trace)
    await printer.messages(mergedTrace.take(untilMs))
    await printer.missing([...missing, ...goneNodes(mergedTrace.absent())])
  }
}

/**
 * Writes messages to standard output in the chosen format, and each missing process once, where it disturbs
 * no reader.
 */
class Printer {
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
    const text = this.#writer.write(mergedTrace)
    if (text !== '') await this.#io.out(text)
  }

  async missing(list: readonly MissingTrace[]): Promise<void> {
    for (const { process, reason } of list) {
      const key = `${process} ${reason}`
      if (this.#said.has(key)) continue
      this.#said.add(key)
      const text = printable(`missing: ${process}: ${reason}`)
      if (this.#format === 'json') await this.#io.err(`${JSON.stringify({ missing: { process, reason } })}\n`)
      else if (this.#format === 'mermaid') await this.#io.out(mermaidComment(text))
      else await this.#io.out(`${text}\n`)
    }
  }
}
