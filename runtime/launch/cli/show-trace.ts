import type { MasterClient } from '../../../actors/client/master-client.js'
import { isFiresteelError } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import { pause } from '../../pause.js'
import { MergedTrace } from '../../trace/merged-trace.js'
import type { Console } from './console.js'
import { formatOf, printTrace, TracePrinter, tailOf } from './print-trace.js'
import { writeTrace } from './recorded-trace.js'
import { TraceCollector } from './trace-collector.js'
import { gone, goneNodes } from './trace-gone.js'
import { filterOf, type TraceOptions } from './trace-options.js'

/** `-f` asks the leader for its processes this often. */
const LOOK_AGAIN_MS = innerLimits.traceMembersMs

/** What `firesteel trace` does, once its client is there: it prints, or records into `file`. */
export async function showTrace(
  io: Console,
  client: MasterClient,
  options: TraceOptions,
  file?: string,
): Promise<number> {
  const collector = new TraceCollector(
    client,
    filterOf(options, file === undefined ? undefined : 'record'),
    options,
  )
  const mergedTrace = new MergedTrace([client.incarnation])
  let noMaster: unknown
  try {
    await collector.look(options.masterTimeout)
  } catch (error) {
    // A trace without a leader shows what the Masters know, and then says that nobody leads.
    if (!isFiresteelError(error, 'NO_MASTER')) throw error
    noMaster = error
  }
  const askedAtMs = Date.now()
  const collected = await collector.collect()
  for (const trace of collected.traces) mergedTrace.add(trace)
  const untilMs = options.follow ? Date.now() - limits.traceFollowMs : undefined
  const messages = mergedTrace.take(untilMs)
  const missing = [...collected.missing, ...gone(mergedTrace.absent())]
  if (options.follow) {
    const printer = new TracePrinter(io, formatOf(options))
    await printer.messages(tailOf(messages, options.tail))
    await printer.missing(missing)
    await follow(io, collector, mergedTrace, printer)
    return 0
  }
  if (file !== undefined) await writeTrace(io, file, { cluster: collector.cluster, messages, missing })
  else await printTrace(io, messages, missing, options, askedAtMs)
  if (noMaster) throw noMaster
  return 0
}

/** Goes on until nobody reads any more. An interruption ends the command from outside. */
async function follow(
  io: Console,
  collector: TraceCollector,
  mergedTrace: MergedTrace,
  printer: TracePrinter,
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
