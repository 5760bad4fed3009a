import { type Html, html } from './html.js'
import { type Axis, axisMarks, axisPlace, type TimelineBar } from './timeline.js'

/*
 * A picture of who had something when: a track for each, with its name above, and a bar for each time. As in
 * a timeline, places along the axis are percent of the picture's width.
 */

export interface Track {
  readonly name: string
  /** Oldest first. */
  readonly bars: readonly Omit<TimelineBar, 'label'>[]
}

export interface TracksParts extends Axis {
  readonly tracks: readonly Track[]
  /** Says in words what the picture shows. */
  readonly label: string
}

/** Pixels: a track, its name, the bar in it, and what is below the last one. */
const height = { track: 38, name: 11, bar: 12, axis: 26 } as const
/** Percent: what is left of the axis, and the least width of a bar. */
const place = { left: 1, least: 0.4 } as const

export function tracks(parts: TracksParts): Html {
  const x = axisPlace(parts, place.left)
  const bottom = parts.tracks.length * height.track + 4
  const bar = ({ tone, fromMs, toMs, isOpen, title }: Omit<TimelineBar, 'label'>, top: number): Html => {
    const start = x(fromMs)
    const width = Math.max(place.least, x(Math.max(fromMs, toMs)) - start)
    const end = `${(start + width).toFixed(2)}%`
    return html`<g class="bar ${tone}"><title>${title}</title>
<rect class="span" x="${start.toFixed(2)}%" y="${top}" width="${width.toFixed(2)}%" height="${height.bar}" rx="3"/>
${isOpen && html`<svg class="open" x="${start.toFixed(2)}%" y="${top + height.bar / 2}" overflow="visible"><path d="M-9 0l7 -5v10z"/></svg>`}
${tone === 'bad' && html`<svg x="${end}" y="${top + height.bar / 2}" overflow="visible"><path d="M0 -6l6 6l-6 6l-6 -6z"/></svg>`}</g>`
  }
  const track = ({ name, bars }: Track, row: number): Html => {
    const top = row * height.track + 4
    return html`<text x="${place.left}%" y="${top + height.name}">${name}</text>${bars.map((one) => bar(one, top + height.name + 6))}`
  }
  return html`<svg class="timeline tracks" width="100%" height="${bottom + height.axis}" role="img" aria-label="${parts.label}">
${axisMarks(parts, place.left, bottom)}
${parts.tracks.map(track)}</svg>`
}
