import { innerLimits } from '../../../runtime/inner-limits.js'
import { type Html, html, type Part } from '../../../runtime/pages/html.js'
import { listPart, pager } from '../../../runtime/pages/list.js'
import { ago, code, empty, table } from '../../../runtime/pages/parts.js'
import { roundedUp, timeline } from '../../../runtime/pages/timeline.js'
import { counted, exactTime, memoryText, numberText } from '../../../runtime/pages/words.js'
import type { ExecutorState } from '../../messages/common.js'
import type { ApplicationView } from '../../messages/status.js'
import { applicationHref, logLink, workerLink } from './links.js'
import { executorState, executorTones } from './states.js'
import { logHomeOf, type MasterPageView, workerOf } from './view.js'

/* The executors of an application over time: a picture, and the same as a table. */

const SHOWN = innerLimits.timelineBars

interface ShownExecutor {
  readonly execId: number
  readonly state: ExecutorState
  readonly workerId?: string | undefined
  readonly cores?: number | undefined
  readonly memoryMib?: number
  /** Undefined: a former leadership launched it. */
  readonly fromMs?: number | undefined
  /** Null: it has not ended. */
  readonly toMs: number | null
  /** How it ended. */
  readonly text: string
}

/** Those it has, and the last that ended, the newest first. */
function shownExecutors({ executors, executorEnds = [] }: ApplicationView): ShownExecutor[] {
  const live = executors.map(
    ({ launchedAtMs: fromMs, ...executor }): ShownExecutor => ({
      ...executor,
      fromMs,
      toMs: null,
      text: '',
    }),
  )
  const ended = executorEnds.map(
    ({ atMs: toMs, launchedAtMs: fromMs, exitStatus, text, ...end }): ShownExecutor => {
      const code = exitStatus === undefined ? '' : `exit code ${exitStatus}`
      return { ...end, fromMs, toMs, text: text === '' ? code : text }
    },
  )
  return [...live, ...ended].sort((a, b) => b.execId - a.execId)
}

export function executorsOf(
  view: MasterPageView,
  app: ApplicationView,
  query: URLSearchParams,
  nowMs: number,
): Html {
  const all = shownExecutors(app)
  const isOver = app.endedAtMs !== null
  if (all.length === 0)
    return isOver
      ? empty(
          'It had no executor that is remembered.',
          html`What they wrote is kept by their Workers: ${code(`firesteel logs ${app.id}/0`)}`,
        )
      : empty('It has no executor now.', 'Why that is so, and what helps, stands above.')
  return html`${overTime(view, app, all, nowMs)}
${executorsTable(view, app, all, query, nowMs)}
${isOver && html`<p class="more">Of an application that has ended the last ${innerLimits.keptExecutorEnds} executors are kept, those first that ended before it did.</p>`}`
}

function overTime(
  view: MasterPageView,
  app: ApplicationView,
  all: readonly ShownExecutor[],
  nowMs: number,
): Html {
  const shown = all.slice(0, SHOWN)
  // What this leadership did not launch has run at least since it began.
  const knownSinceMs = Math.max(app.submittedAtMs, app.endedAtMs === null ? (view.state.sinceMs ?? 0) : 0)
  const beganMs = ({ fromMs, toMs }: ShownExecutor): number =>
    fromMs ?? Math.min(knownSinceMs, toMs ?? knownSinceMs)
  const fromMs = Math.min(...shown.map(beganMs))
  const toMs = app.endedAtMs ?? roundedUp(nowMs, fromMs)
  const living = all.filter((one) => one.toMs === null).length
  const label = `Executors over time: ${numberText(living)} now, ${numberText(all.length - living)} that ended.`
  const bars = shown.map((one) => ({
    label: `${one.execId}`,
    tone: executorTones[one.state],
    fromMs: beganMs(one),
    toMs: one.toMs ?? toMs,
    isOpen: one.fromMs === undefined,
    title: barTitle(view, one),
  }))
  const more = all.length - shown.length
  return html`<figure class="usage over-time"><figcaption>Over time <span class="hint">one bar for each executor, the newest above</span></figcaption>
${timeline({
  bars,
  fromMs,
  toMs,
  endText: app.endedAtMs === null ? 'now' : 'its end',
  beforeText: (duration) => (app.endedAtMs === null ? `${duration} ago` : `${duration} before`),
  label,
})}
${more > 0 && html`<p class="more">${counted(more, 'older executor')} ${more === 1 ? 'is' : 'are'} in the table only.</p>`}</figure>`
}

function barTitle(
  view: MasterPageView,
  { execId, state, workerId, fromMs, toMs, text }: ShownExecutor,
): string {
  const on = workerId === undefined ? '' : ` on ${workerOf(view, workerId)?.name ?? workerId}`
  const from = fromMs === undefined ? 'since before this leadership' : `from ${exactTime(fromMs)}`
  const to = toMs === null ? '' : ` to ${exactTime(toMs)}`
  return `Executor ${execId}${on}: ${state}, ${from}${to}${text === '' ? '' : `. ${text}`}`
}

const unknownStart = html`<span class="hint" title="It was launched before this leadership.">earlier</span>`

function executorsTable(
  view: MasterPageView,
  app: ApplicationView,
  all: readonly ShownExecutor[],
  query: URLSearchParams,
  nowMs: number,
): Html {
  const part = listPart(all, query)
  const rows = part.rows.map(({ execId, state, workerId, cores, memoryMib, fromMs, toMs, text }) => ({
    key: `${execId}`,
    cells: [
      `${execId}`,
      executorState(state),
      workerId === undefined ? '' : workerLink(view, workerId),
      cores === undefined ? '' : counted(cores, 'core'),
      memoryMib === undefined ? '' : memoryText(memoryMib),
      fromMs === undefined ? unknownStart : ago(fromMs, nowMs),
      toMs !== null && ago(toMs, nowMs),
      logLink(workerId === undefined ? undefined : logHomeOf(view, workerId), `${app.id}/${execId}`),
    ] satisfies Part[],
    note: text !== '' && text,
  }))
  return html`${table({
    caption: 'Executors of this application',
    columns: [
      { title: 'Executor' },
      { title: 'State' },
      { title: 'Worker' },
      { title: 'Cores', number: true, minor: true },
      { title: 'Memory', number: true, minor: true },
      { title: 'From', minor: true },
      { title: 'To', minor: true },
      { title: 'Log' },
    ],
    rows,
  })}${pager(applicationHref(app.id), query, part)}`
}
