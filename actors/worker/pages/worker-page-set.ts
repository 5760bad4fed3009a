import { innerLimits } from '../../../runtime/inner-limits.js'
import { type Html, html } from '../../../runtime/pages/html.js'
import type { Frame, Page } from '../../../runtime/pages/layout.js'
import { webOrigin } from '../../../runtime/pages/page-headers.js'
import { type PageQuery, PageSet } from '../../../runtime/pages/page-set.js'
import { empty, facts, meter, section, state, type Tone, table } from '../../../runtime/pages/parts.js'
import { pathPart } from '../../../runtime/pages/path-part.js'
import { counted, memoryPartText, memoryText } from '../../../runtime/pages/words.js'
import { addressesOf } from '../../messages/common.js'
import { confinementText } from '../../messages/confinement-text.js'
import type { WorkerDriverStatus, WorkerExecutorStatus } from '../status.js'
import { logHref } from './log-address.js'
import { logPageOf } from './log-routes.js'
import type { WorkerPageView } from './view.js'

/* The pages of a Worker: what it runs, and what has ended on it. */

/** Rows of what has ended, the newest first. The Master keeps more. */
const ENDED = innerLimits.workerPageEnded

const tones: Readonly<Record<string, Tone>> = {
  RUNNING: 'good',
  LAUNCHING: 'busy',
  SUBMITTED: 'busy',
  RELAUNCHING: 'busy',
  FAILED: 'bad',
  ERROR: 'bad',
  LOST: 'bad',
}

const stateOf = (text: string): Html => state(text, tones[text] ?? 'over')

const masterOrigin = ({ state: { masterWebUrl } }: WorkerPageView): string | undefined =>
  webOrigin(masterWebUrl)

export const masterOrigins = (view: WorkerPageView): string[] => {
  const origin = masterOrigin(view)
  return origin === undefined ? [] : [origin]
}

const executorsTable = (
  view: WorkerPageView,
  caption: string,
  executors: readonly WorkerExecutorStatus[],
): Html =>
  table({
    caption,
    columns: [
      { title: 'Executor' },
      { title: 'State' },
      { title: 'Application' },
      { title: 'Cores', number: true, minor: true },
      { title: 'Memory', number: true, minor: true },
      { title: 'User', minor: true },
      { title: 'Log' },
    ],
    rows: executors.map(({ appId, execId, state: of, application, cores, memoryMib }) => ({
      key: `${appId}/${execId}`,
      cells: [
        atMaster(view, `/applications/${pathPart(appId)}`, `${appId}/${execId}`),
        stateOf(of),
        application.name,
        counted(cores, 'core'),
        memoryText(memoryMib),
        application.user,
        logLink(`${appId}/${execId}`),
      ],
    })),
  })

const logLink = (id: string): Html => html`<a href="${logHref(id)}" aria-label="Log of ${id}">Log</a>`

/** A page of the Master, if it is known where that is. */
function atMaster(view: WorkerPageView, path: string, text: string): Html {
  const origin = masterOrigin(view)
  return origin === undefined
    ? html`<span class="id">${text}</span>`
    : html`<a class="id" href="${origin}${path}">${text}</a>`
}

const driversTable = (view: WorkerPageView, caption: string, drivers: readonly WorkerDriverStatus[]): Html =>
  table({
    caption,
    columns: [
      { title: 'Driver' },
      { title: 'State' },
      { title: 'Generation', number: true },
      { title: 'Attempt', number: true },
      { title: 'Log' },
    ],
    rows: drivers.map(({ driverId, state: of, generation, attempt }) => ({
      key: `${driverId} ${generation} ${attempt}`,
      cells: [
        atMaster(view, `/drivers/${pathPart(driverId)}`, driverId),
        stateOf(of),
        generation,
        attempt,
        logLink(driverId),
      ],
    })),
  })

const newest = <T>(rows: readonly T[]): T[] => rows.slice(-ENDED).toReversed()

function workerPage({ view }: PageQuery<WorkerPageView>): Page {
  const { state: worker } = view
  const { cores, coresUsed, memoryMib, memoryMibUsed, resources, resourcesUsed } = worker
  const memory = memoryPartText(memoryMibUsed, memoryMib)
  const custom = Object.keys(resources)
    .sort()
    .map(
      (name) =>
        `${name}: ${addressesOf(resourcesUsed, name).length} of ${addressesOf(resources, name).length}`,
    )
  const ended = [
    worker.finishedExecutors.length > 0 &&
      executorsTable(view, 'Executors that ended here', newest(worker.finishedExecutors)),
    worker.finishedDrivers.length > 0 &&
      driversTable(view, 'Drivers that ended here', newest(worker.finishedDrivers)),
  ]
  const registered = masterOrigin(view)
  return {
    title: worker.name,
    main: html`<h1>${worker.name}</h1>
${facts([
  [
    'Cores',
    html`<span class="amount">${coresUsed} of ${counted(cores, 'core')}</span>${meter(coresUsed, cores, `${coresUsed} of ${counted(cores, 'core')} in use`)}`,
  ],
  [
    'Memory',
    html`<span class="amount">${memory}</span>${meter(memoryMibUsed, memoryMib, `${memory} in use`)}`,
  ],
  ['Resources', custom.join(', ')],
  ['Work here', worker.confinement && confinementText(worker.confinement)],
  ['Address', `${worker.host}:${worker.port}`],
  [
    'Master',
    registered === undefined
      ? worker.masterUrl || 'none yet'
      : html`<a href="${registered}/">${worker.masterUrl}</a>`,
  ],
  ['Id', html`<span class="id">${worker.id}</span>`],
])}
${section('Executors', worker.executors.length === 0 ? empty('No executor runs here now.', 'Applications get executors here when the Master places them.') : executorsTable(view, 'Executors on this Worker', worker.executors))}
${section('Drivers', worker.drivers.length === 0 ? empty('No driver runs here now.') : driversTable(view, 'Drivers on this Worker', worker.drivers))}
${section('Ended here', ended.some(Boolean) ? ended : empty('Nothing has ended here yet.'))}`,
  }
}

const missingPage = (): Page => ({
  title: 'Not found',
  status: 404,
  main: html`<h1>There is nothing here</h1><p class="lead">A Worker has one page, and one for each output.</p><p><a class="button" href="/">To it</a></p>`,
})

const workerFrame = ({ state: { name }, cluster }: WorkerPageView): Frame => ({
  cluster,
  node: `Worker ${name}`,
  navigation: [{ href: '/', title: 'This Worker' }],
  foot: html`Firesteel · cluster ${cluster} · <a href="/json/">JSON</a>`,
})

export interface WorkerPageSetOptions {
  readonly take: () => WorkerPageView
  readonly wallMs: () => number
}

export const workerPageSet = ({ take, wallMs }: WorkerPageSetOptions): PageSet<WorkerPageView> =>
  new PageSet<WorkerPageView>({ take, wallMs, frame: workerFrame, missing: missingPage })
    .add('/', workerPage)
    .add('/logs/:id', logPageOf)
