import { meantId } from '../../../../actors/client/resolve-id.js'
import { questionMessages } from '../../../../actors/messages/trace.js'
import { FiresteelError } from '../../../errors.js'
import { limits } from '../../../limits.js'
import { MergedTrace, type TracedMessage } from '../../../trace/merged-trace.js'
import { selected } from '../../../trace/trace-selection.js'
import type { Console } from '../console.js'
import { explanationOf, explanationText, titleOf } from '../explain-view.js'
import { reportPage } from '../report-page.js'
import { PAPER } from '../status-list.js'
import { TraceCollector } from '../trace-collector.js'
import { gone } from '../trace-gone.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'

const FAILOVER = 'failover'

/**
 * The messages of the newest election that processes remember, and all that it led to. Throws UNKNOWN_ID if
 * that was the first of the cluster, or none is remembered.
 */
export function lastFailover(messages: readonly TracedMessage[]): readonly TracedMessage[] {
  const elected = messages.findLast(({ message }) => message === 'ElectedLeader')
  const epoch = (elected?.payload as { readonly epoch?: unknown } | undefined)?.epoch
  if (elected !== undefined && epoch !== 1) return selected(messages, { trace: elected.trace })
  const why =
    elected === undefined
      ? 'No process remembers an election: each keeps only its newest messages (tracing.ring).'
      : 'There was no failover: the first leader of this cluster still leads (epoch 1).'
  throw new FiresteelError('UNKNOWN_ID', why, {
    help: '`firesteel status` names the leader and its epoch; each failover makes the epoch larger.',
  })
}

async function report(io: Console, about: string, options: ClusterOptions): Promise<number> {
  return withClient(io, options, async (client) => {
    const collector = new TraceCollector(client, { payloads: true, toOthers: true }, { app: about })
    await collector.look(options.masterTimeout)
    const collected = await collector.collect()
    const merged = new MergedTrace([client.incarnation])
    for (const trace of collected.traces) merged.add(trace)
    const messages = merged.take()
    const missing = [...collected.missing, ...gone(merged.absent())]
    const parts = { cluster: collector.cluster, madeAtMs: Date.now(), missing }
    if (about === FAILOVER) {
      await io.out(reportPage({ ...parts, title: 'The last failover', messages: lastFailover(messages) }))
      return 0
    }
    const state = await client.request(
      { type: 'RequestMasterState', of: about, explain: true },
      { timeoutMs: limits.askMs },
    )
    const id = meantId(state, about)
    const found = explanationOf(state, Date.now())
    if (id === undefined || !found)
      throw new FiresteelError('UNKNOWN_ID', `No application or driver is ${JSON.stringify(about)}.`)
    const subject = id.startsWith('driver-') ? { driver: id } : { app: id }
    const selection = { ...subject, except: questionMessages }
    const explanation = explanationText(found.shown, PAPER.columns)
    await io.out(
      reportPage({
        ...parts,
        title: titleOf(found.shown),
        explanation,
        messages: selected(messages, selection),
      }),
    )
    return 0
  })
}

export const addReport: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('report')
      .argument(
        '<id>',
        `a driver or application, by its id, its name or the beginning of its id; or ${FAILOVER}, for the last one`,
      )
      .description(
        'Writes a report as one HTML file: why, what happened, a sequence diagram and the messages. It loads nothing.',
      ),
  )
    .addHelpText(
      'after',
      examples('firesteel report etl > etl.html', `firesteel report ${FAILOVER} > failover.html`),
    )
    .action((about: string, options: ClusterOptions) => run((io) => report(io, about, options)))
}
