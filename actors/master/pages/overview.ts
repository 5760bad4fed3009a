import { innerLimits } from '../../../runtime/inner-limits.js'
import { type Html, html, type Part } from '../../../runtime/pages/html.js'
import type { PageMaking, PageQuery } from '../../../runtime/pages/page-set.js'
import { ago, facts, inParts, meter, section } from '../../../runtime/pages/parts.js'
import { counted, memoryPartText, numberText, percentOf } from '../../../runtime/pages/words.js'
import type { WorkerStatus } from '../../messages/status.js'
import { applicationsTable, noApplication } from './applications.js'
import { driversTable, noDriver } from './drivers.js'
import { leadershipHistory } from './leaderships.js'
import { mastersTable } from './masters.js'
import { masterState } from './states.js'
import { usageOverTime } from './usage.js'
import type { MasterPageView } from './view.js'
import { waitingCounts, waitingList } from './waiting-list.js'
import { noWorker, workersTable } from './workers.js'

/* The first page: how the cluster is. */

const SHOWN = innerLimits.overviewRows

interface Capacity {
  readonly alive: readonly WorkerStatus[]
  readonly cores: number
  readonly coresUsed: number
  readonly memoryMib: number
  readonly memoryMibUsed: number
}

function capacityOf({ state }: MasterPageView): Capacity {
  const alive = state.workers.filter((worker) => worker.state === 'ALIVE')
  const sum = (of: (worker: WorkerStatus) => number): number =>
    alive.reduce((total, worker) => total + of(worker), 0)
  return {
    alive,
    cores: sum(({ cores }) => cores),
    coresUsed: sum(({ coresUsed }) => coresUsed),
    memoryMib: sum(({ memoryMib }) => memoryMib),
    memoryMibUsed: sum(({ memoryMibUsed }) => memoryMibUsed),
  }
}

const tile = (title: string, figure: Part, beside: Part, picture?: Part): Html =>
  html`<div class="tile"><h2>${title}</h2><p class="figure">${figure}</p><p class="beside">${beside}</p>${picture}</div>`

function tiles(view: MasterPageView, { alive, cores, coresUsed, memoryMib, memoryMibUsed }: Capacity): Html {
  const { workers, activeApps, activeDrivers } = view.state
  const waiting = waitingCounts(view)
  const running = activeApps.filter(({ executors }) => executors.length > 0).length
  const drivers = activeDrivers.filter(({ state }) => state === 'RUNNING').length
  const drained = workers.filter(({ state }) => state === 'DECOMMISSIONED').length
  const gone = workers.length - alive.length - drained
  const others = [
    ...(drained > 0 ? [`${numberText(drained)} drained`] : []),
    ...(gone > 0 ? [`${numberText(gone)} gone`] : []),
  ]
  const waitText = (count: number): string => (count === 0 ? 'none waits' : counted(count, 'waits', 'wait'))
  const used = (part: number, all: number): string => `${Math.round(percentOf(part, all))} %`
  return html`<div class="tiles">
${tile('Cores', used(coresUsed, cores), `${numberText(coresUsed)} of ${counted(cores, 'core')} in use`, meter(coresUsed, cores, `${used(coresUsed, cores)} of the cores in use`))}
${tile('Memory', used(memoryMibUsed, memoryMib), `${memoryPartText(memoryMibUsed, memoryMib)} in use`, meter(memoryMibUsed, memoryMib, `${used(memoryMibUsed, memoryMib)} of the memory in use`))}
${tile('Workers', html`<a href="/workers">${numberText(alive.length)}</a>`, workers.length === 0 ? 'none has registered' : others.length === 0 ? 'all alive' : `alive, ${others.join(', ')}`)}
${tile('Applications', html`<a href="/applications?show=active">${numberText(running)}</a>`, `with executors, ${waitText(waiting.apps)}`)}
${tile('Drivers', html`<a href="/drivers?show=active">${numberText(drivers)}</a>`, `running, ${waitText(waiting.drivers)}`)}
</div>`
}

const all = (href: string, count: number, shown: number): Part =>
  count > shown && html`<a class="all" href="${href}">All ${numberText(count)}</a>`

const newest = <T>(active: readonly T[], ended: readonly T[]): T[] =>
  [...active.slice(-SHOWN).toReversed(), ...ended.slice(-SHOWN).toReversed()].slice(0, SHOWN)

function busiestWorkers(view: MasterPageView, alive: readonly WorkerStatus[]): Html {
  const busiest = alive.toSorted((a, b) => b.coresUsed / b.cores - a.coresUsed / a.cores).slice(0, SHOWN)
  const table = busiest.length === 0 ? noWorker(view) : workersTable(busiest)
  const links = html`<span class="all">${busiest.length > 0 && html`<a href="/topology">Topology</a>`} ${all('/workers', view.state.workers.length, busiest.length)}</span>`
  return section('Busiest Workers', table, links)
}

function newestApplications({ state: { activeApps, completedApps } }: MasterPageView, nowMs: number): Html {
  const apps = newest(activeApps, completedApps)
  const table = apps.length === 0 ? noApplication() : applicationsTable(apps, nowMs)
  const count = activeApps.length + completedApps.length
  return section('Newest applications', table, all('/applications', count, apps.length))
}

function newestDrivers(view: MasterPageView, nowMs: number): Html {
  const { activeDrivers, completedDrivers } = view.state
  const drivers = newest(activeDrivers, completedDrivers)
  const table = drivers.length === 0 ? noDriver() : driversTable(view, drivers, nowMs)
  const count = activeDrivers.length + completedDrivers.length
  return section('Newest drivers', table, all('/drivers', count, drivers.length))
}

export function* overviewPage({ view, nowMs }: PageQuery<MasterPageView>): PageMaking {
  const capacity = capacityOf(view)
  const main = yield* inParts([
    () => html`<h1 class="unseen">Overview</h1>${tiles(view, capacity)}`,
    () => section('Waiting', waitingList(view, nowMs)),
    () => section('In use', usageOverTime(view.usage, nowMs)),
    () => busiestWorkers(view, capacity.alive),
    () => newestApplications(view, nowMs),
    () => newestDrivers(view, nowMs),
    () => leadership(view, nowMs),
  ])
  return { title: 'Overview', main }
}

const leadership = (view: MasterPageView, nowMs: number): Html =>
  section(
    'Leadership',
    html`${leadershipFacts(view, nowMs)}${mastersTable(view)}${leadershipHistory(view, nowMs)}`,
    html`<a class="all" href="/failover">The last failover</a>`,
  )

const leadershipFacts = ({ state }: MasterPageView, nowMs: number): Html =>
  facts([
    ['This Master', masterState(state.state)],
    ['Leads since', state.sinceMs !== null && ago(state.sinceMs, nowMs)],
    [
      'Epoch',
      state.position.epoch > 0 &&
        html`${state.position.epoch} <span class="hint">the number of this leadership</span>`,
    ],
    ['Format of the store', state.store?.format],
  ])
