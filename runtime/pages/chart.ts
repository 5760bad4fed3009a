import { type Html, html } from './html.js'

/* A picture of one amount over time. The size is that of the drawing; the page stretches it. */

const size = { width: 600, height: 120 } as const

export interface ChartPoint {
  readonly atMs: number
  /** From 0 to 100. */
  readonly percent: number
}

export interface ChartParts {
  /** Oldest first. */
  readonly points: readonly ChartPoint[]
  /** How long the whole width is. The newest point is at the right end. */
  readonly spanMs: number
  /** Says in words what the picture shows. */
  readonly label: string
}

/** Lines at 0, 50 and 100 percent, and the amount as an area below a line. */
export function chart({ points, spanMs, label }: ChartParts): Html {
  const { width, height } = size
  const endMs = points.at(-1)?.atMs ?? 0
  const x = (atMs: number): string => (width - (width * (endMs - atMs)) / spanMs).toFixed(1)
  const y = (percent: number): string => (height - (height * percent) / 100).toFixed(1)
  const line = points.map(({ atMs, percent }) => `${x(atMs)} ${y(percent)}`).join(' L')
  const first = points[0]
  const area = first && `M${x(first.atMs)} ${height} L${line} L${width} ${height} Z`
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${label}">
<path class="grid" d="M0 0 H${width} M0 ${height / 2} H${width} M0 ${height} H${width}"/>
${first && html`<path class="area" d="${area}"/><path class="line" d="M${line}"/>`}
</svg>`
}
