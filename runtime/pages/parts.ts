import { type Html, html, type Part } from './html.js'
import { agoText, exactTime, percentOf, roughDurationText } from './words.js'

/* The parts that all pages are made of. */

/** A moment: how long ago, and exactly on hover. The script keeps the first current. */
export const ago = (atMs: number, nowMs: number): Html =>
  html`<time datetime="${new Date(atMs).toISOString()}" title="${exactTime(atMs)}" data-ago>${agoText(nowMs - atMs)}</time>`

/** How long something lasts since a moment, or lasted until another. */
export const lasting = (fromMs: number, untilMs: number | null, nowMs: number): Html =>
  untilMs === null
    ? html`<time datetime="${new Date(fromMs).toISOString()}" title="since ${exactTime(fromMs)}" data-for>${roughDurationText(nowMs - fromMs)}</time>`
    : html`<span title="${exactTime(fromMs)} to ${exactTime(untilMs)}">${roughDurationText(Math.max(0, untilMs - fromMs))}</span>`

/** How a state feels: it works, it waits, something is wrong, it is over, or it says nothing. */
export type Tone = 'good' | 'busy' | 'bad' | 'over' | 'plain'

/** A state. Its tone is a colour and a shape, and its text says the same. */
export const state = (text: string, tone: Tone): Html => html`<span class="state ${tone}">${text}</span>`

export interface Column {
  readonly title: string
  /** Numbers stand to the right. */
  readonly number?: true
  /** On a narrow window the column is left out; the page of the row has it. */
  readonly minor?: true
}

export interface TableRow {
  /** Names the row among the others, so that an open page finds it again. */
  readonly key: string
  readonly cells: readonly Part[]
  /** Says more, in a line of its own below the row. */
  readonly note?: Part
}

export interface TableParts {
  /** What the table shows, for readers that cannot see its place in the page. */
  readonly caption: string
  readonly columns: readonly Column[]
  readonly rows: readonly TableRow[]
}

const classOf = ({ number, minor }: Column): string => `${number ? 'number' : ''}${minor ? ' minor' : ''}`

export function table({ caption, columns, rows }: TableParts): Html {
  const cell = (part: Part, at: number): Html => {
    const column = columns[at] as Column
    return at === 0
      ? html`<th scope="row" class="${classOf(column)}">${part}</th>`
      : html`<td class="${classOf(column)}" data-title="${column.title}">${part}</td>`
  }
  return html`<div class="table"><table>
<caption class="unseen">${caption}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col" class="${classOf(column)}">${column.title}</th>`)}</tr></thead>
<tbody>${rows.map(
    ({ key, cells, note }) =>
      html`<tr data-key="${key}">${cells.map(cell)}</tr>
${note && html`<tr class="note" data-key="${key} note"><td colspan="${columns.length}">${note}</td></tr>`}`,
  )}</tbody>
</table></div>`
}

/** Facts about one thing: name and value. A value that is nothing is left out. */
export const facts = (list: readonly (readonly [name: string, value: Part])[]): Html =>
  html`<dl class="facts">${list
    .filter(([, value]) => value !== null && value !== undefined && value !== false && value !== '')
    .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`

/** There is nothing to show: it says so, and what to do next. */
export const empty = (what: string, next?: Part): Html =>
  html`<div class="empty"><p>${what}</p>${next && html`<p>${next}</p>`}</div>`

export const code = (text: string): Html => html`<code>${text}</code>`

/** A name such as `RequestSubmitDriver` or `Master@host:port`, which may break between its parts. */
export const breakable = (name: string): Html =>
  html`${name.split(/(?<=@)|(?<=[a-z])(?=[A-Z])/).map((part, at) => (at === 0 ? part : html`<wbr>${part}`))}`

export const section = (title: string, content: Part, more?: Part): Html =>
  html`<section><div class="heading"><h2>${title}</h2>${more}</div>${content}</section>`

/** Sections of a page, one after the other. Other work may have its turn between them. */
export function* inParts(parts: readonly (() => Part)[]): Generator<void, Html, undefined> {
  const made: Part[] = []
  for (const part of parts) {
    made.push(part())
    yield
  }
  return html`${made}`
}

/** Something that people should know before all else. */
export const notice = (tone: Tone, content: Part): Html =>
  html`<div class="notice ${tone}" role="status">${content}</div>`

/** How much of something is used, as a picture. The text beside it says the same. */
export function meter(used: number, all: number, label: string): Html {
  const percent = percentOf(used, all)
  const width = percent > 0 ? Math.max(1.5, percent) : 0
  return html`<svg class="meter ${percent >= 90 ? 'full' : ''}" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="${label}"><rect class="all" width="100" height="6" rx="3"/><rect class="used" width="${width.toFixed(1)}" height="6" rx="3"/></svg>`
}
