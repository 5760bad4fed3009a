import { innerLimits } from '../inner-limits.js'
import { printable } from '../observe/printable.js'
import { actorName, placeOf } from './actor-path.js'
import type { TracedMessage } from './merged-trace.js'

/*
 * A trace as a sequence diagram. Pure: messages in, SVG text out. Colours are `currentColor`, so a page's own
 * stylesheet decides; a file of its own brings a style for light and dark.
 */

export interface SequenceOptions {
  readonly title: string
  /** For a file: with a namespace, a style and a background. */
  readonly isFile?: boolean
}

/** In pixels: the column of times, that of an actor, what is right of the last one; heights. */
const size = { times: 84, column: 208, right: 150, head: 56, row: 34 } as const
/** A message's text may stand beside its arrow; a name may not reach the next one. */
const chars = { label: 44, name: 28, path: 200 } as const
const FONT = 'font-family="ui-sans-serif, system-ui, sans-serif"'
const FILE_STYLE =
  'svg{color:#1d2430;background:#fff}@media (prefers-color-scheme:dark){svg{color:#e4e8ee;background:#151a21}}'

const MOST_MESSAGES = innerLimits.sequenceMessages
const MOST_ACTORS = innerLimits.sequenceActors

/** The messages that a picture has room for: the first ones, between the first actors. */
export function drawable(messages: readonly TracedMessage[]): readonly TracedMessage[] {
  const actors = new Set<string>()
  const drawn: TracedMessage[] = []
  for (const message of messages) {
    const added = new Set([message.from, message.to].filter((path) => !actors.has(path)))
    if (actors.size + added.size > MOST_ACTORS) continue
    if (drawn.length === MOST_MESSAGES) break
    for (const path of added) actors.add(path)
    drawn.push(message)
  }
  return drawn
}

export function sequenceSvg(messages: readonly TracedMessage[], options: SequenceOptions): string {
  const drawn = drawable(messages)
  const columns = columnsOf(drawn)
  const left = messages.length - drawn.length
  const width = size.times + Math.max(0, columns.size - 1) * size.column + size.column / 2 + size.right
  const bottom = size.head + drawn.length * size.row + size.row / 2
  const height = bottom + (left > 0 ? size.row : 0)
  const startMs = drawn[0]?.atMs ?? 0
  const title = escaped(options.title)
  const rest = `${left} more ${left === 1 ? 'message' : 'messages'}`
  return [
    `<svg${options.isFile ? ' xmlns="http://www.w3.org/2000/svg"' : ''} class="sequence" role="img" aria-label="${title}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${FONT} font-size="12" fill="currentColor">`,
    `<title>${title}</title>`,
    ...(options.isFile ? [`<style>${FILE_STYLE}</style>`] : []),
    ...[...columns].map(([path, x]) => lifeline(path, x, bottom)),
    ...drawn.map((message, index) => row(message, columns, size.head + (index + 1) * size.row, startMs)),
    ...(left > 0 ? [text(size.times, height - 10, 'start', `${rest} without room here`)] : []),
    '</svg>',
    '',
  ].join('\n')
}

/** Actors from left to right as they first speak or are spoken to, and where each stands. */
function columnsOf(messages: readonly TracedMessage[]): Map<string, number> {
  const columns = new Map<string, number>()
  for (const { from, to } of messages)
    for (const path of [from, to])
      if (!columns.has(path)) columns.set(path, size.times + size.column / 2 + columns.size * size.column)
  return columns
}

function lifeline(path: string, x: number, bottom: number): string {
  const place = placeOf(path)
  return [
    '<g class="sequence-actor">',
    `<title>${escaped(cut(path, chars.path))}</title>`,
    `<text x="${x}" y="22" text-anchor="middle" font-weight="600">${escaped(cut(actorName(path), chars.name))}</text>`,
    ...(place === '' ? [] : [text(x, 38, 'middle', cut(place, chars.name), 11)]),
    `<path d="M${x} ${size.head - 10}V${bottom}" stroke="currentColor" stroke-opacity="0.3" stroke-dasharray="3 4"/>`,
    '</g>',
  ].join('')
}

function row(
  message: TracedMessage,
  columns: ReadonlyMap<string, number>,
  y: number,
  startMs: number,
): string {
  const from = columns.get(message.from)!
  const to = columns.get(message.to)!
  const label = cut(message.epoch > 0 ? `${message.message} (epoch ${message.epoch})` : message.message)
  const kind = message.refused ? 'sequence-message refused' : 'sequence-message'
  return [
    `<g class="${kind}">`,
    `<title>${escaped(`${cut(message.from, chars.path)} → ${cut(message.to, chars.path)}\n${cut(message.message, chars.path)}\n${detailOf(message)}`)}</title>`,
    text(size.times - 12, y + 4, 'end', offset(message.atMs - startMs), 11),
    from === to ? loop(from, y, label) : arrow(from, to, y, label, message.refused === true),
    '</g>',
  ].join('')
}

function arrow(from: number, to: number, y: number, label: string, isRefused: boolean): string {
  const back = to > from ? -1 : 1
  const head = isRefused
    ? `<path d="M${to - 5} ${y - 5}l10 10m0 -10l-10 10" stroke="currentColor" stroke-width="1.5"/>`
    : `<path d="M${to} ${y}l${back * 8} -4v8z"/>`
  const middle = (from + to) / 2
  return `<path d="M${from} ${y}H${to}" stroke="currentColor" stroke-width="1.3"/>${head}${text(middle, y - 6, 'middle', label)}`
}

const loop = (x: number, y: number, label: string): string =>
  `<path d="M${x} ${y - 6}h14v10h-7" fill="none" stroke="currentColor" stroke-width="1.3"/><path d="M${x + 1} ${y + 4}l8 -4v8z"/>${text(x + 20, y + 3, 'start', label)}`

const text = (x: number, y: number, anchor: string, value: string, small?: number): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}"${small === undefined ? '' : ` font-size="${small}" fill-opacity="0.75"`}>${escaped(value)}</text>`

function detailOf({ atMs, epoch, bytes, tookUs, refused }: TracedMessage): string {
  return [
    new Date(atMs).toISOString(),
    ...(epoch > 0 ? [`epoch ${epoch}`] : []),
    ...(bytes === undefined ? [] : [`${bytes} bytes`]),
    ...(tookUs === undefined ? [] : [`handled in ${tookUs} µs`]),
    ...(refused ? ['its receiver did not act on it'] : []),
  ].join(', ')
}

const offset = (ms: number): string => {
  const whole = Math.round(ms)
  return whole < 10_000 ? `+${whole} ms` : `+${(ms / 1000).toFixed(1)} s`
}

const cut = (value: string, most: number = chars.label): string =>
  value.length <= most ? value : `${value.slice(0, most - 1)}…`

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Names come from other processes: no character of theirs may be markup, or unprintable. */
const escaped = (value: string): string =>
  value
    .split('\n')
    .map((line) => printable(line).replace(/[&<>"']/g, (character) => entities[character]!))
    .join('\n')
