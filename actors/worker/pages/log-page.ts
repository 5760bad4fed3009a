import { innerLimits } from '../../../runtime/inner-limits.js'
import { limits } from '../../../runtime/limits.js'
import { type Html, html, type Part } from '../../../runtime/pages/html.js'
import type { Page } from '../../../runtime/pages/layout.js'
import { listHref } from '../../../runtime/pages/list.js'
import { ago, code, empty, facts, notice, section, state, table } from '../../../runtime/pages/parts.js'
import { bytesText, counted } from '../../../runtime/pages/words.js'
import type { WrittenAttempt } from '../attempt-list.js'
import type { KeptLog, OutputName, Stretch } from '../logs/kept-log.js'
import { type FoundLines, searchBefore } from '../logs/log-search.js'
import { patternOf, shownLine } from '../logs/log-text.js'
import { type LogLine, type LogWindow, windowBefore, windowFrom } from '../logs/log-window.js'
import { attemptName, logHref, placeOf, rawHref, stretchOf } from './log-address.js'

/* The output of a driver or executor: a part of it, what was found in it, and how to get the whole. */

export interface LogRequest {
  readonly log: KeptLog
  readonly query: URLSearchParams
  readonly nowMs: number
}

export const soughtIn = (query: URLSearchParams): string => (query.get('q') ?? '').slice(0, limits.nameChars)

/** The page of an output without a search. */
export function logPage(request: LogRequest): Page {
  const { log, query } = request
  const within = stretchOf(log, query)
  if (!within)
    return around(request, log.kept, notice('busy', 'There is no such attempt in what this Worker keeps.'))
  const [from, before] = [placeOf(query, 'from'), placeOf(query, 'before')]
  const isNewest = from === undefined && before === undefined
  const part =
    from === undefined ? windowBefore(log, within, before ?? within.end) : windowFrom(log, within, from)
  const content = html`${part.lines.length === 0 ? nothingYet(log, within) : linesOf(request, part.lines, isNewest)}
${place(request, part, within)}`
  return around(request, within, content)
}

/** The page of a search, which looks through a bounded part of the output. */
export async function searchPage(request: LogRequest): Promise<Page> {
  const { log, query } = request
  const within = stretchOf(log, query)
  if (!within) return logPage(request)
  const sought = soughtIn(query)
  const found = await searchBefore(log, within, placeOf(query, 'before') ?? within.end, patternOf(sought))
  return around(request, within, searched(request, within, found, sought))
}

const pathOf = ({ log }: LogRequest): string => logHref(log.id)

const goTo = (request: LogRequest, changes: Readonly<Record<string, string>>): string =>
  listHref(pathOf(request), request.query, { from: '', before: '', ...changes })

function around(request: LogRequest, within: Stretch, content: Html): Page {
  const { log, query } = request
  const name = log.id
  return {
    title: `${name} ${log.output}`,
    main: html`<p class="crumb"><a href="/">This Worker</a></p>
<div class="heading"><h1 class="id-title">${name}</h1>${state(log.lives ? 'RUNNING' : 'ENDED', log.lives ? 'good' : 'over')}</div>
${known(request, within)}
${tools(request)}
<div class="${query.get('wrap') === 'no' ? 'log-part nowrap' : 'log-part'}">${content}</div>
${attempts(request)}`,
  }
}

function known({ log, nowMs }: LogRequest, { start, end }: Stretch): Html {
  const { kept, changedAtMs } = log
  return facts([
    ['Size', bytesText(end - start)],
    [
      'Written in all',
      kept.start > 0 &&
        html`${bytesText(kept.end)} <span class="hint">the oldest ${bytesText(kept.start)} are not kept</span>`,
    ],
    ['Last written', changedAtMs !== undefined && ago(changedAtMs, nowMs)],
    [
      'Follow it on a terminal',
      log.lives && code(`firesteel logs ${log.id} --follow${log.output === 'stderr' ? ' --stderr' : ''}`),
    ],
  ])
}

function tools(request: LogRequest): Html {
  const { log, query } = request
  const output = (name: OutputName, title: string): Html =>
    html`<a href="${goTo(request, { output: name === 'stdout' ? '' : name })}"${name === log.output && html` aria-current="true"`}>${title}</a>`
  const attempt = query.get('attempt') ?? ''
  const wraps = query.get('wrap') !== 'no'
  const raw = (download: boolean): string =>
    listHref(rawHref(log.id, log.output), new URLSearchParams(), {
      ...(attempt !== '' && { attempt }),
      ...(download && { download: 'yes' }),
    })
  const kept = ['output', 'attempt', 'wrap'].map((key) => {
    const value = query.get(key) ?? ''
    return value !== '' && html`<input type="hidden" name="${key}" value="${value}">`
  })
  return html`<div class="tools">
<div class="choices" role="group" aria-label="Which output">${output('stdout', 'Output')}${output('stderr', 'Errors')}</div>
<form class="search" action="${pathOf(request)}" method="get" role="search">${kept}
<label class="unseen" for="q">Search in this output</label>
<input id="q" name="q" type="search" value="${soughtIn(query)}" placeholder="Search in it" autocomplete="off" spellcheck="false">
<button>Search</button>
</form>
<div class="choices"><a href="${goTo(request, keepPlace(query, { wrap: wraps ? 'no' : '' }))}">${wraps ? 'Do not wrap lines' : 'Wrap lines'}</a>
<a href="${raw(false)}">As text</a> <a href="${raw(true)}">Download</a></div>
</div>`
}

/** Turning the wrapping on and off leaves the reader where he is. */
const keepPlace = (query: URLSearchParams, changes: Readonly<Record<string, string>>) => ({
  from: query.get('from') ?? '',
  before: query.get('before') ?? '',
  ...changes,
})

function nothingYet({ lives, output, kept }: KeptLog, within: Stretch): Html {
  const what = output === 'stdout' ? 'output' : 'errors'
  if (kept.end > kept.start && within.end === within.start)
    return empty(`This attempt has written no ${what}.`, 'Other attempts have: see below.')
  return lives
    ? empty(`It has written no ${what} yet.`, 'This page shows them as they come.')
    : empty(`It has written no ${what}.`, output === 'stdout' ? 'It may have written errors.' : undefined)
}

/** Where attempts begin is said between their lines. */
function linesOf(request: LogRequest, lines: readonly LogLine[], isNewest: boolean, sought?: string): Html {
  const { log, nowMs } = request
  const begins = new Map(log.attempts.map((attempt) => [attempt[log.output], attempt]))
  const mark = sought === undefined ? undefined : patternOf(sought, 'gi')
  const row = ({ at, text }: LogLine): Part => {
    const begun = begins.get(at)
    return [
      begun &&
        html`<p class="attempt" data-key="${at} attempt">Generation ${begun.generation}, attempt ${begun.attempt}, ${ago(begun.atMs, nowMs)}</p>`,
      mark === undefined
        ? html`<p data-key="${at}">${shownLine(text)}</p>`
        : html`<p data-key="${at}"><a class="at" href="${goTo(request, { from: String(at), q: '' })}" title="Show this line where it stands">${bytesText(at)}</a> ${marked(shownLine(text), mark)}</p>`,
    ]
  }
  return html`<div class="log" role="region" tabindex="0" aria-label="${log.output === 'stdout' ? 'Output' : 'Errors'}"${isNewest && html` data-end`}${isNewest && log.lives && html` data-follow`}>${lines.map(row)}</div>`
}

function marked(text: string, pattern: RegExp): Part {
  const parts: Part[] = []
  let from = 0
  for (const { index, 0: found } of text.matchAll(pattern)) {
    if (found === '') break
    parts.push(text.slice(from, index), html`<mark>${found}</mark>`)
    from = index + found.length
  }
  return [...parts, text.slice(from)]
}

const QUARTERS = [25, 50, 75]

/** Which part this is, and the ways to others. */
function place(request: LogRequest, part: LogWindow, within: Stretch): Html {
  const all = within.end - within.start
  const hasAll = part.start <= within.start && part.end >= within.end
  if (hasAll) return html`<p class="more">${counted(part.lines.length, 'line')}.</p>`
  const link = (isThere: boolean, changes: Readonly<Record<string, string>>, text: string): Html =>
    isThere ? html`<a href="${goTo(request, changes)}">${text}</a>` : html`<span class="off">${text}</span>`
  const quarter = (percent: number): Html =>
    html`<a href="${goTo(request, { from: String(within.start + Math.floor((all * percent) / 100)) })}">${percent} %</a>`
  const isFirst = part.start <= within.start
  const isLast = part.end >= within.end
  return html`<nav class="pager log-pager" aria-label="Parts of the output">
<span>${link(!isFirst, { from: String(within.start) }, 'Beginning')} ${link(!isFirst, { before: String(part.start) }, 'Before')}</span>
<span>${bytesText(part.start - within.start)} to ${bytesText(part.end - within.start)} of ${bytesText(all)}</span>
<span class="quarters">${QUARTERS.map((percent) => [quarter(percent), ' '])}</span>
<span>${link(!isLast, { from: String(part.end) }, 'Next')} ${link(!isLast, {}, 'End')}</span></nav>`
}

function searched(
  request: LogRequest,
  within: Stretch,
  { lines, searched: { start, end } }: FoundLines,
  sought: string,
): Html {
  const isAll = start <= within.start
  const looked = bytesText(end - start)
  const on =
    !isAll &&
    html`<a class="button" href="${goTo(request, { before: String(start) })}">Search what is older</a>`
  const all = html`<a href="${goTo(request, { q: '' })}">Show all lines</a>`
  if (lines.length === 0)
    return html`<div class="empty"><p>${isAll ? `Nothing has “${sought}”.` : `The newest ${looked} from there have no “${sought}”.`}</p><p class="actions">${on}${all}</p></div>`
  return html`<p class="more">${counted(lines.length, 'line')} with “${sought}” in ${looked}${isAll ? ', which is all from there to its beginning' : ''}. A line leads to its place.</p>
<p class="actions">${on}${all}</p>
${linesOf(request, lines, false, sought)}`
}

/** Of a driver that was started more than once here. */
function attempts(request: LogRequest): Html | false {
  const { log, query, nowMs } = request
  const all = log.attempts
  if (all.length < 2) return false
  const asked = query.get('attempt') ?? ''
  const sizeOf = (index: number): string => {
    const from = Math.max(all[index]?.[log.output] ?? 0, log.kept.start)
    return bytesText(Math.max(0, (all[index + 1]?.[log.output] ?? log.kept.end) - from))
  }
  const row = (one: WrittenAttempt, index: number) => ({
    key: `${attemptName(one)} ${one.atMs}`,
    cells: [
      html`<a href="${goTo(request, { q: '', attempt: attemptName(one) })}"${asked === attemptName(one) && html` aria-current="true"`}>Generation ${one.generation}, attempt ${one.attempt}</a>`,
      ago(one.atMs, nowMs),
      sizeOf(index),
    ],
  })
  const rows = all.map(row).slice(-innerLimits.logAttempts).reverse()
  const more = all.length - rows.length
  return section(
    'Attempts on this Worker',
    html`${table({
      caption: 'Attempts on this Worker',
      columns: [{ title: 'Attempt' }, { title: 'Began' }, { title: 'Size', number: true }],
      rows,
    })}${more > 0 && html`<p class="more">${counted(more, 'older attempt is', 'older attempts are')} in the whole output.</p>`}`,
    asked !== '' && html`<a class="all" href="${goTo(request, { q: '', attempt: '' })}">All together</a>`,
  )
}

/** Nothing of that name is here. */
export const noLogPage = (id: string): Page => ({
  title: 'No output',
  status: 404,
  main: html`<h1>There is no such output here</h1>
<p class="lead"><span class="id">${id}</span> has not run on this Worker, or its output was removed: a Worker keeps that of ended work for a while.</p>
<p><a class="button" href="/">To this Worker</a></p>`,
})

/** Its file cannot be shown. */
export const unreadableLogPage = (id: string, why: string): Page => ({
  title: 'No output',
  main: html`<h1>This output cannot be shown</h1>${notice('bad', why)}<p class="lead"><span class="id">${id}</span></p>
<p><a class="button" href="/">To this Worker</a></p>`,
})
