import { type Html, html, type Part } from '../../../runtime/pages/html.js'
import { listPart, listTools, meantRows, nothingFound, pager, searchIn } from '../../../runtime/pages/list.js'
import type { PageMaking, PageQuery } from '../../../runtime/pages/page-set.js'
import {
  ago,
  code,
  empty,
  facts,
  inParts,
  lasting,
  notice,
  section,
  type TableRow,
  table,
} from '../../../runtime/pages/parts.js'
import { pathPart } from '../../../runtime/pages/path-part.js'
import { counted, memoryText, numberText } from '../../../runtime/pages/words.js'
import type { ResourceAmounts } from '../../messages/common.js'
import { applicationExplained } from '../../messages/explained.js'
import type { ApplicationView } from '../../messages/status.js'
import { executorsOf } from './executors.js'
import { applicationHref, driverHref, idLink, ownerText } from './links.js'
import { applicationSequence } from './sequence.js'
import { applicationState } from './states.js'
import { tasksOf } from './tasks.js'
import { applicationOf, type MasterPageView } from './view.js'
import { eventsSection, isSaid, whySection } from './why.js'

/* The applications of a cluster: all, and one with its executors. */

/** The texts say that it waits where they stand alone; here its state says so. */
export const reasonText = (message: string): string => message.replace(/^waits: /, '')

/** What runs comes first, and of each the newest. */
const newestFirst = ({ state }: MasterPageView, show: string): readonly ApplicationView[] => [
  ...(show === 'ended' ? [] : state.activeApps.toReversed()),
  ...(show === 'active' ? [] : state.completedApps.toReversed()),
]

const rowOf = (app: ApplicationView, nowMs: number): TableRow => ({
  key: app.id,
  cells: [
    html`<a href="${applicationHref(app.id)}">${app.description.name}</a>`,
    applicationState(app.state),
    app.endedAtMs === null ? numberText(app.executors.length) : '',
    app.endedAtMs === null ? numberText(app.coresGranted) : '',
    ago(app.submittedAtMs, nowMs),
    lasting(app.submittedAtMs, app.endedAtMs, nowMs),
    app.description.user,
  ],
  note: app.message !== '' && reasonText(app.message),
})

export const applicationsTable = (apps: readonly ApplicationView[], nowMs: number): Html =>
  table({
    caption: 'Applications',
    columns: [
      { title: 'Name' },
      { title: 'State' },
      { title: 'Executors', number: true, minor: true },
      { title: 'Cores', number: true, minor: true },
      { title: 'Began' },
      { title: 'Lasts', minor: true },
      { title: 'User', minor: true },
    ],
    rows: apps.map((app) => rowOf(app, nowMs)),
  })

export const noApplication = (): Html =>
  empty(
    'No application has run yet.',
    html`Start a program that uses the cluster: ${code('firesteel run main.js')}`,
  )

export function* applicationsPage({ view, query, nowMs }: PageQuery<MasterPageView>): PageMaking {
  const { activeApps, completedApps } = view.state
  const fits = searchIn(query)
  const shown = newestFirst(view, query.get('show') ?? '')
  const meant = fits
    ? yield* meantRows(shown, ({ id, description: { name, user } }) => fits(id, name, user))
    : shown
  const part = listPart(meant, query)
  const all = activeApps.length + completedApps.length
  const tools = listTools('/applications', query, 'applications', [
    { value: '', title: 'All', count: all },
    { value: 'active', title: 'Active', count: activeApps.length },
    { value: 'ended', title: 'Ended', count: completedApps.length },
  ])
  const list =
    part.total === 0
      ? nothingFound('/applications', all, 'application')
      : html`${applicationsTable(part.rows, nowMs)}${pager('/applications', query, part)}`
  return {
    title: 'Applications',
    main: html`<h1>Applications</h1>${all === 0 ? noApplication() : html`${tools}${list}`}`,
  }
}

export const amountsText = (amounts: ResourceAmounts): string =>
  Object.entries(amounts)
    .map(([name, amount]) => `${amount} ${name}`)
    .join(', ')

export function* applicationPage({ view, params, query, nowMs }: PageQuery<MasterPageView>): PageMaking {
  const row = applicationOf(view, params.id ?? '')
  if (!row) return undefined
  const { application = row } = view.detailed(row.id)
  const app = { ...application, executors: row.executors }
  const explanation = applicationExplained(app, nowMs)
  const { name, user, maxCores, executor } = app.description
  const each = [
    counted(executor.cores ?? 1, 'core'),
    memoryText(executor.memoryMib),
    amountsText(executor.resources),
  ].filter((text) => text !== '')
  const known: readonly (readonly [string, Part])[] = [
    ['State', applicationState(app.state)],
    [
      'Cores',
      `${counted(app.coresGranted, 'core')}${maxCores === undefined ? '' : ` of ${maxCores} wanted`}`,
    ],
    [
      'Each executor',
      executor.cores === undefined ? `all cores of a Worker, ${each.slice(1).join(', ')}` : each.join(', '),
    ],
    ['Began', ago(app.submittedAtMs, nowMs)],
    ['Registered by', app.owner && ownerText(app.owner)],
    ['Ended', app.endedAtMs !== null && ago(app.endedAtMs, nowMs)],
    [app.endedAtMs === null ? 'Runs for' : 'Lasted', lasting(app.submittedAtMs, app.endedAtMs, nowMs)],
    ['Driver', app.driver !== null && idLink(driverHref(app.driver), app.driver)],
    ['User', user],
    ['Id', html`<span class="id">${app.id}</span>`],
  ]
  const kill =
    app.endedAtMs === null && html`<a class="button danger" href="/kill?id=${pathPart(app.id)}">Kill…</a>`
  const main = yield* inParts([
    () => html`<p class="crumb"><a href="/applications">Applications</a></p>
<div class="heading"><h1>${name}</h1>${kill}</div>
${!isSaid(explanation, app) && notice(app.state === 'FAILED' ? 'bad' : 'busy', app.message)}
${whySection(view, explanation)}
${facts(known)}`,
    () => section('Tasks', tasksOf(view, app, nowMs)),
    () => section('Executors', executorsOf(view, app, query, nowMs)),
    () => eventsSection(explanation.events, nowMs),
    () => applicationSequence(app.id, view.messagesOf(app.id)),
  ])
  return { title: name, main }
}
