import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { type Html, html } from './html.js'
import { counted, numberText } from './words.js'

/* Long lists: one part of the rows stands on a page. */

export interface ListPart<T> {
  readonly rows: readonly T[]
  /** All rows that are meant, on whatever page. */
  readonly total: number
  /** From 1. */
  readonly page: number
  readonly pages: number
}

/** The asked part of what is meant. A page that does not exist is the nearest that does. */
export function listPart<T>(
  all: readonly T[],
  query: URLSearchParams,
  most: number = limits.pageRows,
): ListPart<T> {
  const pages = Math.max(1, Math.ceil(all.length / most))
  const asked = Number(query.get('page') ?? '1')
  const page = Number.isSafeInteger(asked) ? Math.min(pages, Math.max(1, asked)) : 1
  return { rows: all.slice((page - 1) * most, page * most), total: all.length, page, pages }
}

/** What people look for in a list: true for a row with one of these texts. Undefined: for nothing. */
export function searchIn(query: URLSearchParams): ((...texts: readonly string[]) => boolean) | undefined {
  const sought = (query.get('q') ?? '').trim().slice(0, limits.nameChars)
  if (sought === '') return undefined
  const pattern = new RegExp(sought.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), 'i')
  return (...texts) => texts.some((text) => pattern.test(text))
}

/** The rows that are meant. Other work may have its turn between them. */
export function* meantRows<T>(
  rows: readonly T[],
  isMeant: (row: T) => boolean,
): Generator<void, readonly T[], undefined> {
  const meant: T[] = []
  for (const [at, row] of rows.entries()) {
    if (isMeant(row)) meant.push(row)
    if (at % innerLimits.listLooks === 0) yield
  }
  return meant
}

/** The same list with other values; an empty value is left out. */
export function listHref(
  path: string,
  query: URLSearchParams,
  changes: Readonly<Record<string, string>>,
): string {
  const next = new URLSearchParams()
  for (const [key, value] of [...query, ...Object.entries(changes)]) {
    if (value === '' || (key in changes && changes[key] !== value)) next.delete(key)
    else next.set(key, value)
  }
  const text = next.toString()
  return text === '' ? path : `${path}?${text}`
}

/** Links to the other parts, if there are any. */
export function pager(
  path: string,
  query: URLSearchParams,
  { page, pages, rows, total }: ListPart<unknown>,
): Html | false {
  if (pages === 1) return false
  const first = (page - 1) * limits.pageRows + 1
  const to = (number: number, text: string, rel: 'prev' | 'next'): Html =>
    number < 1 || number > pages
      ? html`<span class="off">${text}</span>`
      : html`<a href="${listHref(path, query, { page: number === 1 ? '' : String(number) })}" rel="${rel}">${text}</a>`
  return html`<nav class="pager" aria-label="Parts of the list">${to(page - 1, 'Before', 'prev')}
<span>${numberText(first)} to ${numberText(first + rows.length - 1)} of ${numberText(total)}</span>
${to(page + 1, 'Next', 'next')}</nav>`
}

export interface Choice {
  readonly value: string
  readonly title: string
  readonly count: number
}

/** Which rows are shown: a search, and parts of the list by what the rows are. */
export function listTools(
  path: string,
  query: URLSearchParams,
  what: string,
  choices: readonly Choice[],
): Html {
  const show = query.get('show') ?? ''
  const choice = ({ value, title, count }: Choice): Html =>
    html`<a href="${listHref(path, query, { show: value, page: '' })}"${value === show && html` aria-current="true"`}>${title} <span class="count">${numberText(count)}</span></a>`
  return html`<div class="tools">
<div class="choices" role="group" aria-label="Which ${what}">${choices.map(choice)}</div>
<form class="search" action="${path}" method="get" role="search">
${show !== '' && html`<input type="hidden" name="show" value="${show}">`}
<label class="unseen" for="q">Search by name or id</label>
<input id="q" name="q" type="search" value="${query.get('q') ?? ''}" placeholder="Name or id" autocomplete="off" spellcheck="false">
<button>Search</button>
</form>
</div>`
}

/** A search found nothing. */
export const nothingFound = (path: string, all: number, one: string): Html =>
  html`<div class="empty"><p>Nothing here fits.</p><p><a href="${path}">Show all ${counted(all, one)}</a></p></div>`
