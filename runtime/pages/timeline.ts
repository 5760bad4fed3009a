import { type Html, html } from './html.js'
import type { Tone } from './parts.js'
import { durationText } from './words.js'

/*
 * A picture of what ran when: a bar for each thing. Places along the axis are percent of the picture's width,
 * so that it fits each window and its texts keep their size.
 */

export interface TimelineBar {
  readonly label: string
  /** A colour and a shape, as the state in the table has them. */
  readonly tone: Tone
  readonly fromMs: number
  readonly toMs: number
  /** It began earlier, and nobody knows when. */
  readonly isOpen?: boolean
  /** Says all that the bar shows. */
  readonly title: string
}

export interface Axis {
  readonly fromMs: number
  readonly toMs: number
  /** What the right end is: `now`. */
  readonly endText: string
  /** What a time before it is called: `5 min ago`. */
  readonly beforeText: (duration: string) => string
}

export interface TimelineParts extends Axis {
  /** From above to below. */
  readonly bars: readonly TimelineBar[]
  /** Says in words what the picture shows. */
  readonly label: string
}

/** Pixels: a row, and what is below the last one. */
const height = { row: 22, axis: 26 } as const
/** Percent: the column of the labels, what is right of the end, and the least width of a bar. */
const place = { left: 9, right: 1.5, least: 0.5 } as const
/**
 * How many at most, and percent: a time nearer than this to the end would stand on its text, and one nearer
 * to the left side would be cut.
 */
const marksOf = { most: 4, clear: 14, first: 6 } as const

const msPer = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const
const steps = [
  ...[1, 2, 5, 10, 20, 30].map((count) => count * msPer.s),
  ...[1, 2, 5, 10, 20, 30].map((count) => count * msPer.min),
  ...[1, 2, 3, 6, 12].map((count) => count * msPer.h),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((count) => count * msPer.d),
]

/** A round time, of which few fit. */
const stepOf = (spanMs: number): number =>
  steps.find((step) => spanMs / step <= marksOf.most) ?? Math.ceil(spanMs / marksOf.most / msPer.d) * msPer.d

/** A moment that stays the same for a while, so that an open page does not get a new picture each second. */
export function roundedUp(nowMs: number, fromMs: number): number {
  const step = Math.max(10 * msPer.s, stepOf(Math.max(0, nowMs - fromMs)) / 20)
  return Math.ceil(nowMs / step) * step
}

/** Where a moment is, in percent of the picture's width, if the axis begins at `left`. */
export function axisPlace({ fromMs, toMs }: Axis, left: number): (atMs: number) => number {
  const spanMs = Math.max(1, toMs - fromMs)
  const wide = 100 - left - place.right
  return (atMs) => left + wide * Math.min(1, Math.max(0, (atMs - fromMs) / spanMs))
}

/** Lines at round times, with their texts below `bottom`, and the end. */
export function axisMarks(axis: Axis, left: number, bottom: number): Html {
  const { fromMs, toMs, endText, beforeText } = axis
  const x = axisPlace(axis, left)
  const spanMs = Math.max(1, toMs - fromMs)
  const marks: Html[] = []
  const step = stepOf(spanMs)
  for (let before = step; before <= spanMs; before += step) {
    const at = x(toMs - before)
    if (100 - at < marksOf.clear || at < marksOf.first) continue
    marks.push(
      html`<rect class="grid" x="${at.toFixed(2)}%" y="0" width="1" height="${bottom}"/><text class="mark" x="${at.toFixed(2)}%" y="${bottom + 16}">${beforeText(durationText(before))}</text>`,
    )
  }
  return html`${marks}<rect class="grid" x="${(100 - place.right).toFixed(2)}%" y="0" width="1" height="${bottom}"/><text class="mark end" x="100%" y="${bottom + 16}">${endText}</text>`
}

export function timeline(parts: TimelineParts): Html {
  const { bars, label } = parts
  const x = axisPlace(parts, place.left)
  const bottom = bars.length * height.row + 4
  const bar = (
    { label: name, tone, fromMs: from, toMs: to, isOpen, title }: TimelineBar,
    row: number,
  ): Html => {
    const top = row * height.row + 4
    const [start, end] = [x(from), x(Math.max(from, to))]
    const width = Math.max(place.least, end - start)
    const thin = tone === 'over' ? 4 : 0
    return html`<g class="bar ${tone}"><title>${title}</title>
<text x="0" y="${top + 11}">${name}</text>
<rect class="span" x="${start.toFixed(2)}%" y="${top + thin}" width="${width.toFixed(2)}%" height="${14 - 2 * thin}" rx="${thin > 0 ? 2 : 3}"/>
${isOpen && html`<svg class="open" x="${start.toFixed(2)}%" y="${top + 7}" overflow="visible"><path d="M-9 0l7 -5v10z"/></svg>`}
${tone === 'bad' && html`<svg x="${(start + width).toFixed(2)}%" y="${top + 7}" overflow="visible"><path d="M0 -6l6 6l-6 6l-6 -6z"/></svg>`}</g>`
  }
  return html`<svg class="timeline" width="100%" height="${bottom + height.axis}" role="img" aria-label="${label}">
${axisMarks(parts, place.left, bottom)}
${bars.map(bar)}</svg>`
}
