import { document, type Html, html, picture } from '../../pages/html.js'
import { table } from '../../pages/parts.js'
import { exactTime } from '../../pages/words.js'
import { shortPath } from '../../trace/actor-path.js'
import type { TracedMessage } from '../../trace/merged-trace.js'
import { drawable, sequenceSvg } from '../../trace/sequence-svg.js'
import type { MissingTrace } from './trace-collector.js'

/* A report: one HTML file that needs nothing else. Pure. */

export interface Report {
  /** What it is about. */
  readonly title: string
  readonly cluster: string
  readonly madeAtMs: number
  /** What `firesteel explain` says, for a driver or an application. */
  readonly explanation?: string
  readonly messages: readonly TracedMessage[]
  readonly missing: readonly MissingTrace[]
}

const STYLE = `:root{color-scheme:light dark;--line:#8886}
body{font:15px/1.5 ui-sans-serif,system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}
pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid var(--line);border-radius:8px;padding:1rem}
.picture,.table{overflow-x:auto;border:1px solid var(--line);border-radius:8px;padding:.75rem}
table{border-collapse:collapse;width:100%;font-size:13px}
th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);white-space:nowrap}
.number{text-align:right}.unseen{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.sequence .refused{opacity:.6}`

export function reportPage(report: Report): string {
  const { title, cluster, madeAtMs, explanation, messages, missing } = report
  return document(html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title} · ${cluster}</title>
<style>${picture(STYLE)}</style>
</head>
<body>
<h1>${title}</h1>
<p>Cluster ${cluster}, ${exactTime(madeAtMs)}. Contents of messages are left out.</p>
${explanation !== undefined && html`<h2>Why</h2><pre>${picture(textOf(explanation))}</pre>`}
<h2>Sequence</h2>
${messages.length === 0 ? html`<p>No process remembers a message about it.</p>` : html`<div class="picture">${picture(sequenceSvg(messages, { title }))}</div>`}
<h2>Messages</h2>
${messagesTable(messages)}
${missing.length > 0 && html`<h2>Missing</h2><ul>${missing.map(({ process, reason }) => html`<li>${process}: ${reason}</li>`)}</ul>`}
</body>
</html>
`)
}

/** Lines stay lines. */
const textOf = (text: string): string =>
  text
    .split('\n')
    .map((line) => html`${line}`.toString())
    .join('\n')

function messagesTable(messages: readonly TracedMessage[]): Html {
  const drawn = drawable(messages)
  const rows = drawn.map((message) => ({
    key: String(message.id),
    cells: [
      new Date(message.atMs).toISOString().slice(11, 23),
      shortPath(message.from),
      shortPath(message.to),
      message.message,
      message.epoch,
      message.refused ? 'refused' : message.tookUs === undefined ? '–' : `${message.tookUs} µs`,
    ],
  }))
  const left = messages.length - drawn.length
  return html`${table({
    caption: 'Messages in causal order',
    columns: [
      { title: 'Time (UTC)' },
      { title: 'From' },
      { title: 'To' },
      { title: 'Message' },
      { title: 'Epoch', number: true },
      { title: 'Handled in', number: true },
    ],
    rows,
  })}${left > 0 && html`<p>${left} more messages: firesteel trace shows all.</p>`}`
}
