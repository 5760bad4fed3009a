import { type Html, html, type Part } from '../../../runtime/pages/html.js'
import { listPart, listTools, meantRows, nothingFound, pager, searchIn } from '../../../runtime/pages/list.js'
import type { PageMaking, PageQuery } from '../../../runtime/pages/page-set.js'
import {
  ago,
  code,
  empty,
  facts,
  inParts,
  meter,
  section,
  type TableRow,
  table,
} from '../../../runtime/pages/parts.js'
import { pathPart } from '../../../runtime/pages/path-part.js'
import { counted, memoryPartText, memoryText } from '../../../runtime/pages/words.js'
import { addressesOf, type ResourceAddresses } from '../../messages/common.js'
import { confinementText } from '../../messages/confinement-text.js'
import { drainText } from '../../messages/drain-text.js'
import { workerExplained } from '../../messages/explained.js'
import type { DriverStatus, ExecutorStatus, WorkerStatus } from '../../messages/status.js'
import { drainButton } from './drain.js'
import { applicationHref, driverHref, idLink, logLink, workerHref } from './links.js'
import { driverState, executorState, workerState } from './states.js'
import { isThere, logHomeOf, type MasterPageView, workerOf } from './view.js'
import { whySection } from './why.js'

/* The Workers of a cluster: all, and one. */

/** Live ones first, in the order in which they came. */
const inOrder = (workers: readonly WorkerStatus[]): WorkerStatus[] => [
  ...workers.filter(({ state }) => state === 'ALIVE'),
  ...workers.filter(({ state }) => state !== 'ALIVE'),
]

export const coresOf = ({ coresUsed, cores }: WorkerStatus): Html =>
  html`<span class="amount">${coresUsed} of ${counted(cores, 'core')}</span>${meter(coresUsed, cores, `${coresUsed} of ${counted(cores, 'core')} in use`)}`

export function memoryOf({ memoryMibUsed, memoryMib }: WorkerStatus): Html {
  const text = memoryPartText(memoryMibUsed, memoryMib)
  return html`<span class="amount">${text}</span>${meter(memoryMibUsed, memoryMib, `${text} in use`)}`
}

export function resourcesText(all: ResourceAddresses, used: ResourceAddresses): string {
  return Object.keys(all)
    .sort()
    .map((name) => `${name}: ${addressesOf(used, name).length} of ${addressesOf(all, name).length}`)
    .join(', ')
}

const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')

const rowOf = (worker: WorkerStatus): TableRow => ({
  key: worker.id,
  cells: [
    html`<a href="${workerHref(worker.id)}">${worker.name}</a>`,
    workerState(worker),
    coresOf(worker),
    memoryOf(worker),
    `${worker.host}:${worker.port}`,
  ],
})

export const workersTable = (workers: readonly WorkerStatus[]): Html =>
  table({
    caption: 'Workers',
    columns: [
      { title: 'Name' },
      { title: 'State' },
      { title: 'Cores in use' },
      { title: 'Memory in use', minor: true },
      { title: 'Address', minor: true },
    ],
    rows: workers.map(rowOf),
  })

export const noWorker = (view: MasterPageView): Html =>
  empty(
    'No Worker has registered yet.',
    html`Start one on any machine that can reach this Master: ${code(`firesteel worker --master ${view.state.address}`)}`,
  )

const standingOf = (state: WorkerStatus['state']): string =>
  state === 'ALIVE' ? 'alive' : state === 'DECOMMISSIONED' ? 'drained' : 'gone'

export function* workersPage({ view, query }: PageQuery<MasterPageView>): PageMaking {
  const { workers } = view.state
  const show = query.get('show') ?? ''
  const fits = searchIn(query)
  const alive = workers.filter(({ state }) => state === 'ALIVE').length
  const drained = workers.filter(({ state }) => state === 'DECOMMISSIONED').length
  const isMeant = ({ state, name, id, host }: WorkerStatus): boolean =>
    (show === '' || show === standingOf(state)) && (fits?.(name, id, host) ?? true)
  const meant = yield* meantRows(inOrder(workers), isMeant)
  const part = listPart(meant, query)
  const tools = listTools('/workers', query, 'Workers', [
    { value: '', title: 'All', count: workers.length },
    { value: 'alive', title: 'Alive', count: alive },
    ...(drained > 0 ? [{ value: 'drained', title: 'Drained', count: drained }] : []),
    { value: 'gone', title: 'Gone', count: workers.length - alive - drained },
  ])
  const list =
    part.total === 0
      ? nothingFound('/workers', workers.length, 'Worker')
      : html`${workersTable(part.rows)}${pager('/workers', query, part)}`
  return {
    title: 'Workers',
    main: html`<div class="heading"><h1>Workers</h1>${workers.length > 0 && html`<a class="all" href="/topology">Topology</a>`}</div>${workers.length === 0 ? noWorker(view) : html`${tools}${list}`}`,
  }
}

interface Placed {
  readonly executors: readonly ExecutorStatus[]
  readonly drivers: readonly DriverStatus[]
}

function placedOn({ state }: MasterPageView, id: string): Placed {
  const executors: ExecutorStatus[] = []
  for (const app of state.activeApps)
    for (const executor of app.executors) if (executor.workerId === id) executors.push(executor)
  return { executors, drivers: state.activeDrivers.filter(({ worker }) => worker === id) }
}

export function* workerPage({ view, params, query, nowMs }: PageQuery<MasterPageView>): PageMaking {
  const row = workerOf(view, params.id ?? '')
  if (!row) return undefined
  const { worker = row } = view.detailed(row.id)
  const { executors, drivers } = placedOn(view, worker.id)
  const web = isThere(worker) && worker.web !== null
  const known: readonly (readonly [string, Part])[] = [
    ['State', workerState(worker)],
    ['Drain', worker.drain && drainText(worker.drain, nowMs)],
    ['Cores', coresOf(worker)],
    ['Memory', memoryOf(worker)],
    ['Resources', resourcesText(worker.resources, worker.resourcesUsed)],
    ['Labels', labelsText(worker.labels)],
    ['Work there', worker.confinement && confinementText(worker.confinement)],
    ['Last heard', ago(worker.lastHeartbeatMs, nowMs)],
    ['Address', `${worker.host}:${worker.port}`],
    ['Id', html`<span class="id">${worker.id}</span>`],
    ['Its own page', web && html`<a href="/go/worker/${pathPart(worker.id)}">${worker.web}</a>`],
  ]
  const main = yield* inParts([
    () => html`<p class="crumb"><a href="/workers">Workers</a></p>
<div class="heading"><h1>${worker.name}</h1>${drainButton(worker)}</div>
${whySection(view, workerExplained(worker, nowMs))}
${facts(known)}`,
    () => section('Executors', executorsHere(view, executors, query, worker)),
    () => section('Drivers', driversHere(view, drivers)),
  ])
  return { title: worker.name, main }
}

function executorsHere(
  view: MasterPageView,
  executors: readonly ExecutorStatus[],
  query: URLSearchParams,
  { id }: WorkerStatus,
): Html {
  if (executors.length === 0) return empty('No executor runs here.')
  const home = logHomeOf(view, id)
  const part = listPart(executors, query)
  const rows = part.rows.map(({ appId, execId, cores, memoryMib, state }) => ({
    key: `${appId}/${execId}`,
    cells: [
      idLink(applicationHref(appId), `${appId}/${execId}`),
      executorState(state),
      counted(cores, 'core'),
      memoryText(memoryMib),
      logLink(home, `${appId}/${execId}`),
    ],
  }))
  return html`${table({
    caption: 'Executors on this Worker',
    columns: [
      { title: 'Executor' },
      { title: 'State' },
      { title: 'Cores', number: true },
      { title: 'Memory', number: true, minor: true },
      { title: 'Log' },
    ],
    rows,
  })}${pager(workerHref(id), query, part)}`
}

function driversHere(view: MasterPageView, drivers: readonly DriverStatus[]): Html {
  if (drivers.length === 0) return empty('No driver runs here.')
  const rows = drivers.map(({ id, description, state, generation, worker }) => ({
    key: id,
    cells: [
      idLink(driverHref(id), id),
      description.name,
      driverState(state),
      generation,
      logLink(logHomeOf(view, worker ?? ''), id),
    ],
  }))
  return table({
    caption: 'Drivers on this Worker',
    columns: [
      { title: 'Driver' },
      { title: 'Name' },
      { title: 'State' },
      { title: 'Generation', number: true, minor: true },
      { title: 'Log' },
    ],
    rows,
  })
}
