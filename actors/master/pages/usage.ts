import { innerLimits } from '../../../runtime/inner-limits.js'
import { chart } from '../../../runtime/pages/chart.js'
import { type Html, html } from '../../../runtime/pages/html.js'
import { ago, empty, table } from '../../../runtime/pages/parts.js'
import { counted, durationText, memoryPartText, percentOf } from '../../../runtime/pages/words.js'
import type { UsageSample } from '../usage-history.js'

/* Cores and memory in use over time, as pictures, and the same as a table. */

const SPAN_MS = innerLimits.usageSamples * innerLimits.usageEveryMs
const ROWS = innerLimits.usageRows

const percentText = (percent: number): string => `${Math.round(percent)} %`

interface Amount {
  readonly title: string
  readonly percent: (sample: UsageSample) => number
}

const amounts: readonly Amount[] = [
  { title: 'Cores', percent: ({ coresUsed, cores }) => percentOf(coresUsed, cores) },
  { title: 'Memory', percent: ({ memoryMibUsed, memoryMib }) => percentOf(memoryMibUsed, memoryMib) },
]

function picture({ title, percent }: Amount, samples: readonly UsageSample[]): Html {
  const points = samples.map((sample) => ({ atMs: sample.atMs, percent: percent(sample) }))
  const most = Math.max(...points.map((point) => point.percent))
  const now = points.at(-1)?.percent ?? 0
  const label = `${title} in use: ${percentText(now)} now, ${percentText(most)} at most.`
  return html`<figure class="usage"><figcaption>${title} <span class="full-scale" aria-hidden="true">100 %</span><span class="hint">${percentText(now)} now, ${percentText(most)} at most</span></figcaption>
${chart({ points, spanMs: SPAN_MS, label })}
<div class="axis"><span>${durationText(SPAN_MS)} ago</span><span>now</span></div></figure>`
}

/** Some of the samples, evenly, and always the newest, which comes first. */
function someOf(samples: readonly UsageSample[]): UsageSample[] {
  const step = Math.max(1, Math.ceil(samples.length / ROWS))
  return samples.toReversed().filter((_, index) => index % step === 0)
}

const rowOf = (sample: UsageSample, nowMs: number) => ({
  key: `${sample.atMs}`,
  cells: [
    ago(sample.atMs, nowMs),
    `${sample.coresUsed} of ${counted(sample.cores, 'core')}`,
    memoryPartText(sample.memoryMibUsed, sample.memoryMib),
  ],
})

export function usageOverTime(samples: readonly UsageSample[], nowMs: number): Html {
  if (samples.length < 2)
    return empty(
      'There is no history yet.',
      `It begins with this leadership, and has a point each ${durationText(innerLimits.usageEveryMs)}.`,
    )
  return html`<div class="usages">${amounts.map((amount) => picture(amount, samples))}</div>
<details><summary>The same as a table</summary>${table({
    caption: 'Cores and memory in use over time',
    columns: [{ title: 'When' }, { title: 'Cores in use' }, { title: 'Memory in use' }],
    rows: someOf(samples).map((sample) => rowOf(sample, nowMs)),
  })}</details>`
}
