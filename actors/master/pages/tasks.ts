import { innerLimits } from '../../../runtime/inner-limits.js'
import { chart } from '../../../runtime/pages/chart.js'
import { columns } from '../../../runtime/pages/columns.js'
import { type Html, html } from '../../../runtime/pages/html.js'
import { ago, code, empty, facts, state, table } from '../../../runtime/pages/parts.js'
import { durationText, numberText, percentOf } from '../../../runtime/pages/words.js'
import type { ApplicationView } from '../../messages/status.js'
import { durationBoundsMs, type RetryCause, retryCauses } from '../../messages/task-summary.js'
import { retriesOf, type TaskMoment, type TaskStream } from '../task-streams.js'
import { logHref } from './links.js'
import { logHomeOf, type MasterPageView } from './view.js'

/* The tasks of one application, as its driver tells of them: pictures, and the same as tables. */

const causes: Readonly<Record<RetryCause, string>> = {
  failure: 'It failed',
  timeout: 'It took too long',
  executorLost: 'Its executor was lost',
  threadLost: 'Its thread was lost',
}

export function tasksOf(view: MasterPageView, app: ApplicationView, nowMs: number): Html {
  const stream = view.taskStream(app.id)
  if (!stream) return nothingHeard(app)
  const { summary, heardAtMs, sinceMs, moments } = stream
  const { retries, slowest, failures } = summary
  return html`${facts([
    ['Done', numberText(summary.done)],
    ['Failed', numberText(summary.failed)],
    ['Cancelled', summary.cancelled > 0 && numberText(summary.cancelled)],
    ['Running', numberText(summary.running)],
    [
      'Waiting',
      `${numberText(summary.atExecutors)} at executors, ${numberText(summary.waiting)} at its driver`,
    ],
    ['Tried again', numberText(retriesOf(summary))],
    ['Last heard', ago(heardAtMs, nowMs)],
    [
      'Watched since',
      html`<span title="The counts are from the beginning of the application. What was when is known since this leadership heard of it first.">${ago(sinceMs, nowMs)}</span>`,
    ],
  ])}
<div class="usages">${throughput(moments)}${durations(summary.durations)}</div>
${details(moments, summary.durations, nowMs)}
${retriesOf(summary) > 0 && retriesTable(retries)}
${slowest.length > 0 && slowestTable(view, app, stream)}
${failures.length > 0 && failuresTable(view, app, stream)}`
}

const nothingHeard = ({ endedAtMs }: ApplicationView): Html =>
  endedAtMs === null
    ? empty(
        'Its driver has said nothing of its tasks yet.',
        html`It does so once a second while something changes, unless it was connected with ${code('summaries: false')}.`,
      )
    : empty('Nothing is known of its tasks.', 'A Master remembers what it has heard as long as it leads.')

const rateOf = ({ fromMs, toMs, ended }: TaskMoment): number => (1000 * ended) / Math.max(1, toMs - fromMs)

const rateText = (rate: number): string =>
  `${rate >= 10 ? numberText(Math.round(rate)) : Number(rate.toFixed(1))} tasks/s`

/** Steps, because each moment has one rate. Between two moments that do not meet nothing has changed. */
function throughput(moments: readonly TaskMoment[]): Html | false {
  const [first, last] = [moments[0], moments.at(-1)]
  if (!first || !last) return false
  const most = Math.max(...moments.map(rateOf))
  const points = moments.flatMap((moment, at) => {
    const { fromMs, toMs } = moment
    const before = moments[at - 1]
    const percent = percentOf(rateOf(moment), most)
    const quiet =
      before && before.toMs < fromMs
        ? [
            { atMs: before.toMs, percent: 0 },
            { atMs: fromMs, percent: 0 },
          ]
        : []
    return [...quiet, { atMs: fromMs, percent }, { atMs: toMs, percent }]
  })
  const spanMs = Math.max(1, last.toMs - first.fromMs)
  const newest = `${rateText(rateOf(last))} at last`
  return html`<figure class="usage"><figcaption>Tasks that ended <span class="full-scale" aria-hidden="true">${rateText(most)}</span><span class="hint">${newest}</span></figcaption>
${chart({ points, spanMs, label: `Tasks that ended: ${newest}, ${rateText(most)} at most.` })}
<div class="axis"><span>${durationText(spanMs)} before</span><span>last heard</span></div></figure>`
}

function spanText(span: number): string {
  const [from, to] = [durationBoundsMs[span - 1], durationBoundsMs[span]]
  if (from === undefined) return `below ${durationText(to as number)}`
  return to === undefined ? `${durationText(from)} or more` : `${durationText(from)} to ${durationText(to)}`
}

const totalOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0)

const shareText = (count: number, all: number): string => `${Number(percentOf(count, all).toFixed(1))} %`

/** The time below which this share of all stayed. */
function belowText(counts: readonly number[], share: number): string {
  const wanted = share * totalOf(counts)
  let sum = 0
  const span = counts.findIndex((count) => {
    sum += count
    return sum >= wanted
  })
  const bound = durationBoundsMs[span]
  return bound === undefined ? 'longer' : `below ${durationText(bound)}`
}

function durations(counts: readonly number[]): Html | false {
  const all = totalOf(counts)
  if (all === 0) return false
  const first = counts.findIndex((count) => count > 0)
  const last = counts.findLastIndex((count) => count > 0)
  const shown = counts.slice(first, last + 1)
  const words = `half ${belowText(counts, 0.5)}, 99 % ${belowText(counts, 0.99)}`
  const label = `How long tasks took: ${words}.`
  const bars = shown.map((count, at) => ({
    count,
    title: `${spanText(first + at)}: ${numberText(count)} tasks, ${shareText(count, all)}`,
  }))
  return html`<figure class="usage"><figcaption>How long they took <span class="hint">${words}</span></figcaption>
${columns({ columns: bars, label })}
<div class="axis"><span>${spanText(first)}</span>${last > first && html`<span>${spanText(last)}</span>`}</div></figure>`
}

function details(moments: readonly TaskMoment[], counts: readonly number[], nowMs: number): Html | false {
  const all = totalOf(counts)
  if (moments.length === 0 && all === 0) return false
  const step = Math.max(1, Math.ceil(moments.length / innerLimits.taskMomentRows))
  const overTime = moments
    .toReversed()
    .filter((_, index) => index % step === 0)
    .map((moment) => ({
      key: `${moment.toMs}`,
      cells: [ago(moment.toMs, nowMs), rateText(rateOf(moment)), numberText(moment.retries)],
    }))
  const byDuration = counts
    .map((count, span) => ({ count, span }))
    .filter(({ count }) => count > 0)
    .map(({ count, span }) => ({
      key: `${span}`,
      cells: [spanText(span), numberText(count), shareText(count, all)],
    }))
  return html`<details><summary>The same as tables</summary>
${
  overTime.length > 0 &&
  table({
    caption: 'Tasks that ended, over time',
    columns: [{ title: 'When' }, { title: 'Ended' }, { title: 'Tried again', number: true }],
    rows: overTime,
  })
}
${
  all > 0 &&
  html`<p class="more">From when a task was given to an executor to its result, so with its wait there.</p>
${table({
  caption: 'How long tasks took',
  columns: [{ title: 'Duration' }, { title: 'Tasks', number: true }, { title: 'Share', number: true }],
  rows: byDuration,
})}`
}</details>`
}

const retriesTable = (retries: Readonly<Record<RetryCause, number>>): Html =>
  html`<h3>Why tasks were tried again</h3>${table({
    caption: 'Why tasks were tried again',
    columns: [{ title: 'Cause' }, { title: 'Times', number: true }],
    rows: retryCauses
      .filter((cause) => retries[cause] > 0)
      .map((cause) => ({ key: cause, cells: [causes[cause], numberText(retries[cause])] })),
  })}`

const called = ({ function: name, task }: { readonly function: string; readonly task: number }): Html =>
  html`${name} <span class="hint">task ${task}</span>`

/** It leads to its log, as long as the application has it and its Worker can be asked. */
function executorCell(view: MasterPageView, app: ApplicationView, execId: number | undefined): Html | string {
  if (execId === undefined) return ''
  const workerId = app.executors.find((executor) => executor.execId === execId)?.workerId
  const home = workerId === undefined ? undefined : logHomeOf(view, workerId)
  if (home === undefined) return `${execId}`
  const id = `${app.id}/${execId}`
  return html`<a href="${logHref(home, id)}" aria-label="Log of executor ${execId}">${execId}</a>`
}

const slowestTable = (view: MasterPageView, app: ApplicationView, { summary }: TaskStream): Html =>
  html`<h3>The slowest</h3>${table({
    caption: 'The slowest tasks',
    columns: [
      { title: 'Function' },
      { title: 'Took' },
      { title: 'End' },
      { title: 'Executor', number: true, minor: true },
      { title: 'Attempts', number: true, minor: true },
    ],
    rows: summary.slowest.map((task) => ({
      key: `${task.task}`,
      cells: [
        called(task),
        durationText(task.ms),
        state(task.ended, task.ended === 'done' ? 'over' : 'bad'),
        executorCell(view, app, task.executor),
        numberText(task.attempts),
      ],
    })),
  })}`

const failuresTable = (view: MasterPageView, app: ApplicationView, { summary }: TaskStream): Html =>
  html`<h3>The last failures</h3>${table({
    caption: 'The last tasks that failed for good',
    columns: [
      { title: 'Function' },
      { title: 'Error' },
      { title: 'Executor', number: true, minor: true },
      { title: 'Attempts', number: true, minor: true },
    ],
    rows: summary.failures.map((task) => ({
      key: `${task.task}`,
      cells: [called(task), task.error, executorCell(view, app, task.executor), numberText(task.attempts)],
    })),
  })}`
