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
import { counted, memoryText } from '../../../runtime/pages/words.js'
import { exitText } from '../../messages/driver-life-text.js'
import { driverExplained } from '../../messages/explained.js'
import type { DriverStatus } from '../../messages/status.js'
import { amountsText } from './applications.js'
import { driverHref, logHref, ownerText, workerLink } from './links.js'
import { driverSequence } from './sequence.js'
import { driverState } from './states.js'
import { driverOf, type MasterPageView } from './view.js'
import { eventsSection, isSaid, whySection } from './why.js'

/* The drivers of a cluster: all, and one with its generations. */

const newestFirst = ({ state }: MasterPageView, show: string): readonly DriverStatus[] => [
  ...(show === 'ended' ? [] : state.activeDrivers.toReversed()),
  ...(show === 'active' ? [] : state.completedDrivers.toReversed()),
]

const timesText = (times: number): string => (times === 1 ? 'once' : `${times} times`)

/** Why it waits or how it ended, and how often it was started again. */
export function driverNote({ message, restarts = 0, lastExit }: DriverStatus): string {
  const last = lastExit ? `; the last process ended: ${exitText(lastExit)}` : ''
  const restarted = restarts === 0 ? '' : `restarted ${timesText(restarts)}${last}`
  return [restarted, message].filter((text) => text !== '').join('; ')
}

const rowOf = (view: MasterPageView, driver: DriverStatus, nowMs: number): TableRow => {
  const note = driverNote(driver)
  return {
    key: driver.id,
    cells: [
      html`<a href="${driverHref(driver.id)}">${driver.description.name}</a>`,
      driverState(driver.state),
      driver.worker === null ? '–' : workerLink(view, driver.worker),
      driver.generation,
      ago(driver.submittedAtMs, nowMs),
      lasting(driver.submittedAtMs, driver.endedAtMs, nowMs),
    ],
    note: note !== '' && note,
  }
}

export const driversTable = (view: MasterPageView, drivers: readonly DriverStatus[], nowMs: number): Html =>
  table({
    caption: 'Drivers',
    columns: [
      { title: 'Name' },
      { title: 'State' },
      { title: 'Worker' },
      { title: 'Generation', number: true, minor: true },
      { title: 'Submitted' },
      { title: 'Lasts', minor: true },
    ],
    rows: drivers.map((driver) => rowOf(view, driver, nowMs)),
  })

export const noDriver = (): Html =>
  empty(
    'No driver has been submitted yet.',
    html`Let the cluster run a program: ${code('firesteel submit main.js')}`,
  )

export function* driversPage({ view, query, nowMs }: PageQuery<MasterPageView>): PageMaking {
  const { activeDrivers, completedDrivers } = view.state
  const fits = searchIn(query)
  const shown = newestFirst(view, query.get('show') ?? '')
  const meant = fits ? yield* meantRows(shown, ({ id, description: { name } }) => fits(id, name)) : shown
  const part = listPart(meant, query)
  const all = activeDrivers.length + completedDrivers.length
  const tools = listTools('/drivers', query, 'drivers', [
    { value: '', title: 'All', count: all },
    { value: 'active', title: 'Active', count: activeDrivers.length },
    { value: 'ended', title: 'Ended', count: completedDrivers.length },
  ])
  const list =
    part.total === 0
      ? nothingFound('/drivers', all, 'driver')
      : html`${driversTable(view, part.rows, nowMs)}${pager('/drivers', query, part)}`
  return {
    title: 'Drivers',
    main: html`<h1>Drivers</h1>${all === 0 ? noDriver() : html`${tools}${list}`}`,
  }
}

export function* driverPage({ view, params, nowMs }: PageQuery<MasterPageView>): PageMaking {
  const row = driverOf(view, params.id ?? '')
  if (!row) return undefined
  const { driver = row } = view.detailed(row.id)
  const explanation = driverExplained(driver, nowMs)
  const { description, restarts = 0 } = driver
  const needs = [
    counted(description.cores, 'core'),
    memoryText(description.memoryMib),
    amountsText(description.resources),
  ].filter((text) => text !== '')
  const known: readonly (readonly [string, Part])[] = [
    ['State', driverState(driver.state)],
    ['Worker', driver.worker !== null && workerLink(view, driver.worker)],
    ['Generation', driver.generation],
    ['Process', driver.pid !== undefined && `pid ${driver.pid}`],
    ['Started again', restarts > 0 && timesText(restarts)],
    ['Starts again', driver.nextStartAtMs !== undefined && ago(driver.nextStartAtMs, nowMs)],
    [
      'Last process ended',
      driver.lastExit && html`${exitText(driver.lastExit)}, ${ago(driver.lastExit.atMs, nowMs)}`,
    ],
    ['Exit code', driver.exitCode],
    ['Signal', driver.signal],
    ['Needs', needs.join(', ')],
    ['Supervised', description.supervise ? 'yes: it is started again when it fails' : 'no'],
    ['Submitted', ago(driver.submittedAtMs, nowMs)],
    ['Submitted by', driver.owner && ownerText(driver.owner)],
    ['Ended', driver.endedAtMs !== null && ago(driver.endedAtMs, nowMs)],
    ['Program', html`<span class="id">${description.main}</span>`],
    ['Id', html`<span class="id">${driver.id}</span>`],
  ]
  const kill =
    driver.endedAtMs === null &&
    driver.state !== 'KILLING' &&
    html`<a class="button danger" href="/kill?id=${pathPart(driver.id)}">Kill…</a>`
  const bad = driver.state === 'FAILED' || driver.state === 'ERROR'
  const main = yield* inParts([
    () => html`<p class="crumb"><a href="/drivers">Drivers</a></p>
<div class="heading"><h1>${description.name}</h1>${kill}</div>
${!isSaid(explanation, driver) && notice(bad ? 'bad' : 'busy', driver.message)}
${whySection(view, explanation)}
${facts(known)}`,
    () => eventsSection(explanation.events, nowMs),
    () => driverSequence(driver.id, view.messagesOf(driver.id)),
    () => section('Its output', outputOf(view, driver)),
  ])
  return { title: description.name, main }
}

/** Its attempts may have run on several Workers, and each keeps what was written there. */
function outputOf(view: MasterPageView, { id, endedAtMs }: DriverStatus): Html {
  const homes = view.logHomes(id).toReversed()
  const all = html`On a terminal, from all of them: ${code(`firesteel logs ${id}${endedAtMs === null ? ' --follow' : ''}`)}`
  if (homes.length === 0)
    return endedAtMs === null
      ? empty('It has not been placed yet, so it has written nothing.')
      : empty('No Worker is known that has its output.')
  const rows = homes.map(({ workerId, nowId }) => ({
    key: workerId,
    cells: [
      workerLink(view, workerId),
      nowId === undefined
        ? 'It is gone. What was written there can be read once a Worker of its name is back on its machine.'
        : html`<a href="${logHref(nowId, id)}">Read, search or download it</a>`,
    ],
  }))
  return html`${table({ caption: 'Where its output is', columns: [{ title: 'Worker' }, { title: 'What was written there' }], rows })}
<p class="more">${all}</p>`
}
