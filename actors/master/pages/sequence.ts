import { innerLimits } from '../../../runtime/inner-limits.js'
import { type Html, html, picture } from '../../../runtime/pages/html.js'
import type { Page } from '../../../runtime/pages/layout.js'
import type { PageQuery } from '../../../runtime/pages/page-set.js'
import { breakable, code, empty, section, table } from '../../../runtime/pages/parts.js'
import { exactTime, numberText } from '../../../runtime/pages/words.js'
import { shortPath } from '../../../runtime/trace/actor-path.js'
import type { TracedMessage } from '../../../runtime/trace/merged-trace.js'
import { drawable, sequenceSvg } from '../../../runtime/trace/sequence-svg.js'
import type { MasterPageView } from './view.js'

const MOST = innerLimits.pageTraceMessages

interface Handled {
  readonly tookUs?: number | undefined
  readonly refused?: boolean | undefined
}

/** How long its receiver took. */
export function handledText({ tookUs, refused }: Handled): string {
  if (refused) return 'refused'
  return tookUs === undefined ? '–' : `${tookUs} µs`
}

/** The messages about one driver that this Master sent and received. */
export function driverSequence(driverId: string, messages: readonly TracedMessage[]): Html | false {
  if (messages.length === 0) return false
  const title = 'Messages of this Master about the driver, in order'
  return section('Sequence', sequence(title, messages, `firesteel trace --driver ${driverId} --tree`))
}

/** The same about one application. Its executors tell their driver of tasks, and no Master. */
export function applicationSequence(appId: string, messages: readonly TracedMessage[]): Html | false {
  if (messages.length === 0) return false
  const title = 'Messages of this Master about the application, in order'
  return section('Sequence', sequence(title, messages, `firesteel trace --app ${appId} --tree`))
}

/** The election of this Master, and all that it led to. */
export function failoverPage({ view }: PageQuery<MasterPageView>): Page {
  const messages = view.failover()
  const title = 'Messages of this Master since it was elected, in order'
  return {
    title: 'The last failover',
    main: html`<p class="crumb"><a href="/">Overview</a></p>
<h1>The last failover</h1>
${
  messages.length === 0
    ? empty(
        'This Master no longer remembers its election.',
        html`${code('firesteel report failover > failover.html')}`,
      )
    : sequence(title, messages, 'firesteel report failover > failover.html')
}`,
  }
}

/** One trace: the message that began it, and all that it led to here. */
export function tracePage({ view, params }: PageQuery<MasterPageView>): Page | undefined {
  const trace = traceOf(params.trace ?? '')
  if (trace === undefined) return undefined
  const messages = view.messagesOfTrace(trace)
  const command = `firesteel trace --trace ${trace} --tree`
  return {
    title: `Trace ${trace}`,
    main: html`<p class="crumb"><a href="/messages">Messages</a></p>
<h1>Trace ${trace}</h1>
${
  messages.length === 0
    ? empty(
        'This Master remembers no message of this trace.',
        html`Other processes may: ${code(command)} <a href="/messages">Newest messages</a>`,
      )
    : html`${messages.length >= MOST && html`<p>These are the first ${numberText(MOST)} messages of a longer trace.</p>`}${sequence('Messages of this Master in this trace, in order', messages, command)}`
}`,
  }
}

/** Undefined: no trace has this name. */
export function traceOf(text: string): number | undefined {
  const trace = Number(text)
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(trace) ? trace : undefined
}

/** A picture, and a table beside it. `command` shows what other processes remember too. */
function sequence(title: string, messages: readonly TracedMessage[], command: string): Html {
  const rows = drawable(messages).map((message) => ({
    key: String(message.id),
    cells: [
      breakable(message.message),
      breakable(shortPath(message.from)),
      breakable(shortPath(message.to)),
      exactTime(message.atMs),
      handledText(message),
    ],
  }))
  const list = table({
    caption: title,
    columns: [
      { title: 'Message' },
      { title: 'From', minor: true },
      { title: 'To' },
      { title: 'Sent' },
      { title: 'Handled in', number: true, minor: true },
    ],
    rows,
  })
  return html`<p>What this Master remembers. All processes: ${code(command)}</p>
<div class="picture" tabindex="0" role="group" aria-label="${title}">${picture(sequenceSvg(messages, { title }))}</div>
<details><summary>As a table</summary>${list}</details>`
}
