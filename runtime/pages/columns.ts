import { type Html, html } from './html.js'

/* A picture of how many there are of each kind, as columns. The page stretches it. */

/** `gap`: the share of a column's place that stays free beside it. */
const size = { width: 600, height: 120, gap: 0.16 } as const

export interface Column {
  readonly count: number
  /** Says all that the column shows. */
  readonly title: string
}

export interface ColumnsParts {
  /** From left to right. */
  readonly columns: readonly Column[]
  /** Says in words what the picture shows. */
  readonly label: string
}

/** The highest column has the whole height, and one that counts anything can be seen. */
export function columns({ columns: all, label }: ColumnsParts): Html {
  const { width, height, gap } = size
  const most = Math.max(1, ...all.map(({ count }) => count))
  const each = width / Math.max(1, all.length)
  const bars = all.map(({ count, title }, at) => {
    const high = count === 0 ? 0 : Math.max(2, (height * count) / most)
    return html`<rect class="column" x="${((at + gap / 2) * each).toFixed(1)}" y="${(height - high).toFixed(1)}" width="${((1 - gap) * each).toFixed(1)}" height="${high.toFixed(1)}"><title>${title}</title></rect>`
  })
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${label}">
<path class="grid" d="M0 ${height} H${width}"/>
${bars}
</svg>`
}
