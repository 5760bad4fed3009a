import { innerLimits } from '../../../runtime/inner-limits.js'
import { limits } from '../../../runtime/limits.js'
import { type Html, html } from '../../../runtime/pages/html.js'
import type { Page } from '../../../runtime/pages/layout.js'
import { listHref } from '../../../runtime/pages/list.js'
import type { PageQuery } from '../../../runtime/pages/page-set.js'
import { ago, breakable, code, empty, notice, type TableRow, table } from '../../../runtime/pages/parts.js'
import { bytesText, counted } from '../../../runtime/pages/words.js'
import { actorName, placeOf } from '../../../runtime/trace/actor-path.js'
import type { MessageSearch } from '../../../runtime/trace/newest-messages.js'
import type { NewestMessages, NumberedRecord } from '../../../runtime/trace/ring.js'
import { periodicMessages } from '../../messages/trace.js'
import { handledText, traceOf } from './sequence.js'
import type { MasterPageView } from './view.js'

/* What this Master says and hears, newest first. */

const PATH = '/messages'
/** What a form asks for. */
const FILTERS = [
  ['message', 'Message', 'such as LaunchDriver'],
  ['actor', 'Actor', 'name or host:port'],
  ['trace', 'Trace', 'its number'],
] as const

/** What the address of the page asks for. */
interface Asked {
  readonly search: MessageSearch
  /** Someone looks for something. */
  readonly isFiltered: boolean
  /** It shows messages up to one, and not the newest. */
  readonly isStill: boolean
  readonly showsAll: boolean
  /** What was given as a trace is none. */
  readonly odd: string | undefined
}

const given = (query: URLSearchParams, name: string): string =>
  (query.get(name) ?? '').trim().slice(0, limits.nameChars)

function askedBy(query: URLSearchParams): Asked {
  const [message, actor, trace] = FILTERS.map(([name]) => given(query, name)) as [string, string, string]
  const before = given(query, 'before')
  const isStill = /^\d{1,15}$/.test(before)
  const showsAll = query.get('show') === 'all'
  // As for the command, what is asked for by name, or as a part of a trace, is never left out.
  const isQuiet = !showsAll && message === '' && trace === ''
  return {
    search: {
      ...(message !== '' && { message }),
      ...(actor !== '' && { actor }),
      ...(trace !== '' && { trace: traceOf(trace) }),
      ...(isStill && { before: Number(before) }),
      ...(isQuiet && { except: periodicMessages, toOthers: true }),
    },
    isFiltered: message !== '' || actor !== '' || trace !== '',
    isStill,
    showsAll,
    odd: trace !== '' && traceOf(trace) === undefined ? trace : undefined,
  }
}

export function messagesPage({ view, query, nowMs }: PageQuery<MasterPageView>): Page {
  const asked = askedBy(query)
  const found = asked.odd === undefined ? view.newestMessages(asked.search) : nothingFound
  return {
    title: 'Messages',
    isStill: asked.isStill || found === undefined,
    main: html`<div class="heading"><h1>Messages</h1>${found && pause(query, asked, found)}</div>
<p class="lead">What this Master says and hears, newest first. Those of all processes: ${code('firesteel trace')}</p>
${found ? html`${tools(query, asked)}${list(query, asked, found, nowMs)}` : noTrace()}`,
  }
}

const nothingFound: NewestMessages = { messages: [], from: 0, to: 0, more: false }

const noTrace = (): Html =>
  empty(
    'This Master remembers no messages.',
    html`Set ${code('tracing.ring')} in its deployment file to how many it should remember, and start it again.`,
  )

/** Without scripts as well: the address says up to which message the page shows. */
const pause = (query: URLSearchParams, { isStill }: Asked, { from }: NewestMessages): Html =>
  isStill
    ? html`<a class="button" href="${listHref(PATH, query, { before: '' })}">Go on with the newest</a>`
    : html`<a class="button" href="${listHref(PATH, query, { before: String(from) })}">Pause</a>`

function tools(query: URLSearchParams, { isFiltered, showsAll, odd }: Asked): Html {
  const show = (value: string, title: string): Html =>
    html`<a href="${listHref(PATH, query, { show: value, before: '' })}"${(value === 'all') === showsAll && html` aria-current="true"`}>${title}</a>`
  const field = ([name, title, hint]: (typeof FILTERS)[number]): Html =>
    html`<label for="${name}">${title} <input id="${name}" name="${name}" type="search" value="${given(query, name)}" placeholder="${hint}" autocomplete="off" spellcheck="false"></label>`
  return html`<form class="tools filters" action="${PATH}" method="get" role="search" aria-label="Messages">
${showsAll && html`<input type="hidden" name="show" value="all">`}
${FILTERS.map(field)}
<span class="actions"><button>Filter</button>${isFiltered && html` <a href="${PATH}">Show all</a>`}</span>
</form>
${odd !== undefined && notice('busy', html`“${odd}” is not the number of a trace. The link in the last column of a message leads to its trace, whose title has the number.`)}
${!isFiltered && html`<div class="tools"><div class="choices" role="group" aria-label="Which messages">${show('', 'Without heartbeats and timers')}${show('all', 'All')}</div></div>`}`
}

function list(query: URLSearchParams, asked: Asked, found: NewestMessages, nowMs: number): Html {
  const { messages, from, to, more } = found
  const older =
    more && html`<a href="${listHref(PATH, query, { before: String(to) })}" rel="next">Older messages</a>`
  if (messages.length === 0)
    return html`<div class="empty"><p>${nothingText(asked, from - to)}</p><p>${older} ${nextStep(query, asked)}</p></div>`
  return html`<div class="messages">${table({
    caption: 'Messages of this Master, newest first',
    columns: [
      { title: 'Message' },
      { title: 'From', minor: true },
      { title: 'To' },
      { title: 'Sent' },
      { title: 'Size', number: true, minor: true },
      { title: 'Handled in', number: true, minor: true },
      { title: 'Epoch', number: true, minor: true },
      { title: 'Trace', number: true },
    ],
    rows: messages.map((message) => rowOf(message, nowMs)),
  })}</div><p class="more">${counted(messages.length, 'message')} of the last ${counted(from - to, 'message')}${asked.isStill && ' before this place'}. ${older}</p>`
}

function nothingText({ isFiltered, isStill }: Asked, looked: number): string {
  if (looked === 0) return isStill ? 'Older messages are forgotten.' : 'Nothing has been said yet.'
  if (isFiltered) return `Nothing of the last ${counted(looked, 'message')} fits.`
  return `The last ${counted(looked, 'message')} are heartbeats and timers only.`
}

function nextStep(query: URLSearchParams, { isFiltered, isStill }: Asked): Html {
  if (isStill) return html`<a href="${listHref(PATH, query, { before: '' })}">Show the newest</a>`
  if (isFiltered)
    return html`<a href="${PATH}">Show all messages</a>, or leave this page open: what fits appears as it comes.`
  return html`Give the cluster something to talk about: ${code('firesteel submit main.js')}`
}

const cut = (text: string): string =>
  text.length <= innerLimits.messageRowChars ? text : `${text.slice(0, innerLimits.messageRowChars)}…`

/** Its name, and where it is, each on a line of its own if there is no room for both. */
const actor = (path: string): Html =>
  html`<span class="path">${breakable(cut(actorName(path)))} <span class="hint">${cut(placeOf(path))}</span></span>`

function rowOf(message: NumberedRecord, nowMs: number): TableRow {
  const { number, at, from, to, epoch, trace, bytes } = message
  return {
    key: String(number),
    cells: [
      breakable(cut(message.message)),
      actor(from),
      actor(to),
      ago(at, nowMs),
      bytes === undefined ? '–' : bytesText(bytes),
      handledText(message),
      epoch,
      html`<a href="${PATH}/${trace}" aria-label="Show trace ${trace} as a picture">Show</a>`,
    ],
  }
}
