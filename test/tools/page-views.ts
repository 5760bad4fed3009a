import { Hono } from 'hono'
import { type MasterPagesOptions, masterPages } from '../../actors/master/pages/routes.js'
import type { MasterPageView, SettingRow } from '../../actors/master/pages/view.js'
import type { Detailed } from '../../actors/master/snapshot.js'
import type { TaskStream } from '../../actors/master/task-streams.js'
import type { UsageSample } from '../../actors/master/usage-history.js'
import type { Wait } from '../../actors/messages/explanation.js'
import type {
  ApplicationView,
  DriverStatus,
  ExecutorStatus,
  MasterStateResponse,
  WorkerStatus,
} from '../../actors/messages/status.js'
import type { FindLog } from '../../actors/worker/logs/kept-log.js'
import type { WorkerPageView } from '../../actors/worker/pages/view.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { Sessions } from '../../runtime/pages/sessions.js'
import type { Envelope } from '../../runtime/system/envelope.js'
import type { TracedMessage } from '../../runtime/trace/merged-trace.js'
import { newestMessages } from '../../runtime/trace/newest-messages.js'
import { messagesOfTrace } from '../../runtime/trace/related-messages.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import { sampleLeaderships } from './page-leaderships.js'

/* What the pages of a node show, without a cluster: for tests and for looking at pages. */

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Writes a text of the sample; tests put an attack in its place. `field` says what the text is. */
export type WriteText = (text: string, field: string) => string

export interface SampleOptions {
  readonly nowMs: number
  readonly web?: string
  readonly write?: WriteText
  readonly workers?: number
  readonly ended?: number
}

const worker = (number: number, { nowMs, write = asIs }: SampleOptions): WorkerStatus => {
  const cores = [8, 16, 4][number % 3] as number
  const isDead = number === 4
  return {
    id: write(`w${number}-5b0c2f7a91d4e6${number}`, 'worker.id'),
    name: write(`w${number}`, 'worker.name'),
    host: write(`10.0.0.${number % 250}`, 'worker.host'),
    port: 7078,
    web: write(`http://10.0.0.${number % 250}:8081`, 'worker.web'),
    state: isDead ? 'DEAD' : 'ALIVE',
    suspect: number === 3,
    cores,
    coresUsed: isDead ? 0 : (number * 5) % (cores + 1),
    memoryMib: cores * 2048,
    memoryMibUsed: isDead ? 0 : ((number * 3) % (cores + 1)) * 1536,
    resources: number === 2 ? { [write('gpu', 'worker.resource')]: ['0', '1'] } : {},
    resourcesUsed: number === 2 ? { [write('gpu', 'worker.resource')]: ['0'] } : {},
    labels:
      number % 3 === 0
        ? {}
        : { [write('zone', 'worker.label')]: write(number % 2 === 0 ? 'a' : 'b', 'worker.labelValue') },
    lastHeartbeatMs: nowMs - (isDead ? 4 * MINUTE : 3 * SECOND),
  }
}

const asIs: WriteText = (text) => text

const sampleTokenId = 'submit.0.00112233aabbccdd'

const executors = (
  appId: string,
  count: number,
  workers: readonly WorkerStatus[],
  launchedAtMs: (execId: number) => number,
): readonly ExecutorStatus[] =>
  Array.from({ length: count }, (_, index) => {
    // `sampleDetails` has 3 and 4 as ended.
    const execId = index < 3 ? index : index + 2
    return {
      appId,
      execId,
      workerId: (workers[execId % Math.max(1, workers.length)] as WorkerStatus).id,
      cores: 2,
      memoryMib: 1024,
      state: index === count - 1 ? 'LAUNCHING' : 'RUNNING',
      // The first was there before this leadership.
      ...(index > 0 && { launchedAtMs: launchedAtMs(execId) }),
    }
  })

function application(
  number: number,
  change: Partial<ApplicationView>,
  { nowMs, write = asIs }: SampleOptions,
): ApplicationView {
  const names = ['nightly-report', 'word-count', 'thumbnails', 'crawler', 'embed-products', 'pi']
  return {
    id: write(`app-20261129010000-7-${String(number).padStart(4, '0')}`, 'app.id'),
    description: {
      name: write(names[number % names.length] as string, 'app.name'),
      maxCores: 24,
      executor: { cores: 2, memoryMib: 1024, resources: { [write('gpu', 'app.resource')]: 1 } },
      user: write('mira', 'app.user'),
    },
    state: 'RUNNING',
    submittedAtMs: nowMs - number * 7 * MINUTE - 40 * SECOND,
    owner: { name: write('ci', 'app.owner'), id: sampleTokenId },
    endedAtMs: null,
    coresGranted: 0,
    driver: null,
    message: '',
    executors: [],
    ...change,
  }
}

function driver(
  number: number,
  change: Partial<DriverStatus>,
  { nowMs, write = asIs }: SampleOptions,
): DriverStatus {
  const names = ['ingest', 'price-watcher', 'nightly-report', 'index-search', 'mailer']
  return {
    id: write(`driver-20261129010000-7-${String(number).padStart(4, '0')}`, 'driver.id'),
    description: {
      name: write(names[number % names.length] as string, 'driver.name'),
      main: write('/srv/jobs/ingest/main.js', 'driver.main'),
      cores: 1,
      memoryMib: 1024,
      resources: {},
      supervise: number % 2 === 0,
    },
    state: 'RUNNING',
    submittedAtMs: nowMs - number * 31 * MINUTE - 40 * SECOND,
    owner: number % 2 === 0 ? { name: 'secret' } : { name: write('ci', 'driver.owner'), id: sampleTokenId },
    endedAtMs: null,
    generation: 1,
    worker: null,
    exitCode: null,
    signal: null,
    message: '',
    ...change,
  }
}

const SAMPLE_MASTER = 'firesteel://10.0.0.1:7070'

/** The state of a leader with work of every kind. */
export function sampleState(options: SampleOptions): MasterStateResponse {
  const { nowMs, web = 'http://10.0.0.1:8080', write = asIs, workers: count = 6, ended = 40 } = options
  const workers = Array.from({ length: count }, (_, index) => worker(index + 1, options))
  const [first, second, third] = workers.map(({ id }) => id)
  const app1 = application(1, { coresGranted: 12 }, options)
  const noRoom = 'waits: no Worker has 16 cores, 64 GiB free now'
  const launched = (execId: number): number => nowMs - (8 - execId) * MINUTE + 55 * SECOND
  const failed = `waits: it could not be started on w2 (10.0.0.2): spawn ENOENT /opt/node; next try there from 2026-11-29T01:40:12.000Z`
  return {
    type: 'MasterStateResponse',
    cluster: 'production',
    address: SAMPLE_MASTER,
    web,
    rest: null,
    state: 'ALIVE',
    position: { epoch: 7, seq: 4711 },
    leader: SAMPLE_MASTER,
    sinceMs: nowMs - 3 * HOUR - 12 * MINUTE,
    stale: false,
    masters: [
      { address: SAMPLE_MASTER, state: 'ALIVE', web },
      {
        address: 'firesteel://10.0.0.2:7070',
        state: 'STANDBY',
        web: write('http://10.0.0.2:8080', 'master.web'),
      },
      { address: write('firesteel://10.0.0.3:7070', 'master.address'), state: 'UNKNOWN' },
    ],
    workers,
    activeApps: [
      application(
        4,
        {
          state: 'WAITING',
          waiting: { reason: 'NO_ROOM', workers: [] },
          message: write(noRoom, 'app.message'),
        },
        options,
      ),
      application(
        2,
        {
          state: 'WAITING',
          waiting: { reason: 'LAUNCHES_FAILED', workers: [] },
          message: write(failed, 'app.message'),
        },
        options,
      ),
      { ...app1, executors: workers.length > 0 ? executors(app1.id, 6, workers, launched) : [] },
    ],
    completedApps: Array.from({ length: ended }, (_, index) =>
      application(
        ended + 5 - index,
        {
          state: index % 9 === 4 ? 'FAILED' : 'FINISHED',
          endedAtMs: nowMs - (ended + 5 - index) * 6 * MINUTE,
          message: index % 9 === 4 ? write('4 executors in a row failed', 'app.end') : '',
        },
        options,
      ),
    ),
    activeDrivers: [
      driver(
        3,
        {
          state: 'SUBMITTED',
          generation: 0,
          message: write('no Worker with zone=b has 1 core, 1 GiB free now', 'driver.message'),
        },
        options,
      ),
      driver(1, { worker: first ?? null, pid: 41_205 }, options),
      driver(
        2,
        {
          worker: second ?? null,
          state: 'RESTARTING',
          generation: 3,
          restarts: 4,
          nextStartAtMs: nowMs + 9 * SECOND,
          lastExit: {
            atMs: nowMs - 20 * SECOND,
            generation: 3,
            attempt: 2,
            code: null,
            signal: 'SIGKILL',
            outOfMemory: { by: 'limit', limitMib: 1024, usedMib: 1101 },
          },
        },
        options,
      ),
      driver(0, { worker: third ?? null, pid: 41_377, generation: 2 }, options),
    ],
    completedDrivers: [
      driver(
        9,
        { state: 'FAILED', endedAtMs: nowMs - HOUR, exitCode: 3, message: write('exit 3', 'driver.end') },
        options,
      ),
      driver(
        8,
        { state: 'KILLED', endedAtMs: nowMs - 2 * HOUR, signal: 'SIGTERM', message: 'killed' },
        options,
      ),
      driver(7, { state: 'FINISHED', endedAtMs: nowMs - 2 * HOUR, exitCode: 0 }, options),
    ],
  }
}

export function sampleView(
  options: SampleOptions,
  state: MasterStateResponse = sampleState(options),
): MasterPageView {
  const { nowMs, write = asIs } = options
  return {
    state,
    node: 'm1',
    settings: sampleSettings(write),
    usage: state.workers.length === 0 ? [] : sampleUsage(nowMs),
    leaderships: sampleLeaderships(nowMs - 3 * HOUR - 12 * MINUTE, 7, write),
    detailed: (id) => sampleDetails(state, options, id),
    failover: () => sampleMessages('driver-20261129010000-7-0001', options),
    messagesOf: (driverId) => sampleMessages(driverId, options),
    // A clock that stands: what a page shows must not depend on how busy the machine is.
    newestMessages: (search) => newestMessages(sampleRing(options), search, () => 0),
    messagesOfTrace: (trace) => messagesOfTrace(sampleRing(options), trace, innerLimits.pageTraceMessages),
    // One of them has said nothing yet.
    taskStream: (id) =>
      state.activeApps.some((app) => app.id === id) && !id.endsWith('-0004')
        ? sampleTasks(options)
        : undefined,
    logHomes: () => {
      const [first, second] = state.workers
      return first && second
        ? [
            { workerId: write('w9-5b0c2f7a91d4e69', 'home.worker'), nowId: undefined },
            { workerId: second.id, nowId: second.id },
          ]
        : []
    },
  }
}

/** Tasks of an application that had a quiet minute, and lost an executor. */
export function sampleTasks({ nowMs, write = asIs }: SampleOptions): TaskStream {
  const toMs = nowMs - 400
  const rates = [40, 180, 240, 236, 251, 244, 60, 190, 243, 250]
  const moments = rates.map((rate, at) => {
    const fromMs = toMs - (rates.length - at) * 20 * SECOND - (at < 6 ? MINUTE : 0)
    return { fromMs, toMs: fromMs + 20 * SECOND, ended: rate * 20, retries: at === 6 ? 31 : 0 }
  })
  const done = moments.reduce((sum, { ended }) => sum + ended, 0)
  const name = write('thumbnail', 'task.function')
  const slow = [9120, 7400, 6033, 2210, 2150, 1990, 1720, 1688].map((ms, at) => ({
    ...{ function: name, task: 4711 + 97 * at, executor: at % 3, attempts: at === 0 ? 2 : 1, ms },
    ended: at === 2 ? ('failed' as const) : ('done' as const),
  }))
  const error = (text: string) => write(text, 'task.error')
  return {
    summary: {
      ...{ overMs: 1000, done, failed: 3, cancelled: 0, running: 12, atExecutors: 36, waiting: 8210 },
      retries: { failure: 9, timeout: 2, executorLost: 31, threadLost: 0 },
      durations: [0, 40, 212, 1900, 6210, 18_400, 7800, 1402, 320, 44, 12, 6, 3],
      slowest: slow,
      failures: [
        {
          function: name,
          task: 20_417,
          executor: 2,
          attempts: 4,
          error: error('RangeError: it has no pixels'),
        },
        {
          function: name,
          task: 9003,
          executor: 1,
          attempts: 4,
          error: error('It ran longer than its timeout.'),
        },
        {
          function: name,
          task: 811,
          attempts: 3,
          error: error('It was running on the executors 3, 4, 5 when they died.'),
        },
      ],
    },
    heardAtMs: toMs,
    sinceMs: (moments[0] as { fromMs: number }).fromMs,
    moments,
  }
}

/** The same as a Master remembers it, between heartbeats. */
function sampleRing(options: SampleOptions): TraceRing {
  const ring = new TraceRing(500)
  const launch = sampleMessages('driver-20261129010000-7-0001', options)
  const [{ from, to }] = launch as [TracedMessage]
  const record = (each: Pick<TracedMessage, 'id' | 'from' | 'to' | 'message' | 'atMs' | 'trace'>): void => {
    const { atMs, message, ...rest } = each
    const envelope = { ...rest, epoch: 7, bytes: 300, tookUs: 80, message: { type: message } }
    ring.record(envelope as unknown as Envelope, atMs)
  }
  for (let id = 100; id < 130; id++)
    record({
      id,
      from,
      to,
      message: 'Heartbeat',
      atMs: options.nowMs - 90_000 + 1000 * (id - 100),
      trace: id,
    })
  for (const message of launch) record({ ...message, id: message.id + 4711, trace: 4711 })
  return ring
}

/** A launch as its Master saw it. Every text is a stranger's. */
function sampleMessages(driverId: string, { nowMs, write = asIs }: SampleOptions): readonly TracedMessage[] {
  const path = (place: string, actor: string) =>
    `firesteel://production@${place}/user/${write(actor, 'message.actor')}`
  const master = path('10.0.0.1:7070', 'Master')
  const worker = path('10.0.0.7:7071', 'Worker')
  const client = path('10.0.0.9:51234', 'system')
  const steps = [
    ['RequestSubmitDriver', client, master],
    ['Committed', master, '/store'],
    ['SubmitDriverResponse', master, client],
    ['LaunchDriver', master, worker],
    ['DriverStateChanged', worker, master],
  ] as const
  return steps.map(([message, from, to], id) => ({
    ...{ id, trace: 0, parent: id === 0 ? undefined : 0, atMs: nowMs - 60_000 + 9 * id, epoch: 7 },
    ...{ message: write(message, 'message.type'), from, to, bytes: 300, tookUs: 80, payload: { driverId } },
  }))
}

function sampleDetails(
  state: MasterStateResponse,
  { nowMs, write = asIs }: SampleOptions,
  id: string,
): Detailed {
  const application = [...state.activeApps, ...state.completedApps].find((app) => app.id === id)
  const driver = [...state.activeDrivers, ...state.completedDrivers].find((one) => one.id === id)
  const worker = state.workers.find((one) => one.id === id)
  const wait = sampleWait(state, { nowMs, write })
  return {
    ...(application && {
      application: {
        ...application,
        ...(application.state === 'WAITING' && { wait }),
        executorEnds: [
          {
            atMs: (application.endedAtMs ?? nowMs) - 2 * MINUTE,
            launchedAtMs: (application.endedAtMs ?? nowMs) - 4 * MINUTE,
            execId: 3,
            workerId: write('w4-5b0c2f7a91d4e64', 'executor.worker'),
            cores: 2,
            state: 'LOST',
            text: write('worker lost: its link ended and its port refuses', 'executor.end'),
          },
          {
            atMs: (application.endedAtMs ?? nowMs) - MINUTE,
            launchedAtMs: (application.endedAtMs ?? nowMs) - 3 * MINUTE,
            execId: 4,
            workerId: state.workers[1]?.id ?? 'w0',
            cores: 2,
            state: 'EXITED',
            exitStatus: 0,
            text: '',
          },
        ],
      },
    }),
    ...(driver && {
      driver: {
        ...driver,
        ...(driver.state === 'SUBMITTED' && { wait }),
        ...(driver.state === 'RESTARTING' && { wait: sampleRest(driver.worker ?? 'w0', nowMs) }),
        events: sampleEvents(nowMs, write),
      },
    }),
    ...(worker && {
      worker: { ...worker, condition: { condition: 'USABLE', heardAtMs: nowMs, failed: [] } },
    }),
  }
}

const sampleRest = (workerId: string, nowMs: number): Wait => ({
  cause: 'RESTING',
  workerId,
  untilMs: nowMs + 9 * SECOND,
  counts: {},
  workers: [],
})

const sampleEvents = (nowMs: number, write: WriteText) => [
  {
    atMs: nowMs - 31 * MINUTE,
    text: write('launched as generation 1 on w2-5b0c2f7a91d4e62', 'driver.event'),
    epoch: 6,
  },
  {
    atMs: nowMs - 12 * MINUTE,
    text: write('worker lost: its link ended and its port refuses', 'driver.event'),
    epoch: 7,
  },
  {
    atMs: nowMs - 12 * MINUTE,
    text: write('launched as generation 2 on w3-5b0c2f7a91d4e63', 'driver.event'),
    epoch: 7,
  },
]

const sampleWait = (state: MasterStateResponse, { nowMs, write = asIs }: SampleOptions): Wait => ({
  cause: 'NO_ROOM',
  wants: {
    cores: 4,
    memoryMib: 1024,
    resources: {},
    on: { [write('zone', 'label.name')]: write('b', 'label.wanted') },
  },
  counts: { NO_ROOM: 1, NO_LABEL: 1, RESTING: 1, DEAD: 2 },
  workers: [
    {
      workerId: state.workers[0]?.id ?? 'w0',
      host: write('10.0.0.1', 'worker.host'),
      verdict: 'NO_ROOM',
      short: [{ what: 'cores', wanted: 4, free: 1, whole: 8 }],
      labels: [],
      holders: [{ id: write('app-20261129010000-7-0003', 'holder.id'), cores: 6, memoryMib: 6144 }],
    },
    {
      workerId: write('w8-5b0c2f7a91d4e68', 'worker.id'),
      host: write('10.0.0.8', 'worker.host'),
      verdict: 'NO_LABEL',
      short: [],
      labels: [{ label: write('zone', 'label.name'), wanted: 'b', found: write('a', 'label.found') }],
      holders: [],
    },
    {
      workerId: write('w9-5b0c2f7a91d4e69', 'worker.id'),
      host: write('10.0.0.9', 'worker.host'),
      verdict: 'RESTING',
      short: [],
      labels: [],
      failed: {
        workerId: write('w9-5b0c2f7a91d4e69', 'worker.id'),
        host: write('10.0.0.9', 'worker.host'),
        failure: {
          kind: 'start',
          code: 'FIRESTEEL_FOLDER_MISSING',
          message: write('the folder /srv/jobs is missing', 'failure.message'),
        },
        failures: 2,
        retryAtMs: nowMs + 4000,
        excluded: false,
      },
      holders: [],
    },
  ],
})

/** Half an hour of work that comes and goes. */
const sampleUsage = (nowMs: number): UsageSample[] =>
  Array.from({ length: 150 }, (_, index) => {
    const before = 149 - index
    const wave = Math.sin(before / 14) + Math.sin(before / 5) / 3
    return {
      atMs: nowMs - (149 - index) * 10 * SECOND,
      cores: 40,
      coresUsed: Math.round(Math.max(0, 14 + 11 * wave)),
      memoryMib: 81_920,
      memoryMibUsed: Math.round(Math.max(0, 6 + 5 * Math.sin(before / 19)) * 1024),
    }
  })

const sampleSettings = (write: WriteText): SettingRow[] => [
  { key: 'cluster', value: write('production', 'setting.value') },
  { key: 'recovery.mode', value: 'REDIS' },
  { key: 'recovery.redis', value: 'redis://10.0.0.9:6379/0' },
  { key: 'recovery.lease', value: '2500ms' },
  { key: 'scheduling.spreadOut', value: 'true' },
  { key: 'scheduling.workerTimeout', value: '1m' },
]

/** A Master before anything has happened. */
export const emptyState = (options: SampleOptions): MasterStateResponse => ({
  ...sampleState({ ...options, workers: 0, ended: 0 }),
  workers: [],
  activeApps: [],
  completedApps: [],
  activeDrivers: [],
  completedDrivers: [],
})

export const standbyState = (options: SampleOptions, leader: string | null): MasterStateResponse => ({
  ...emptyState(options),
  state: 'STANDBY',
  position: { epoch: 0, seq: 0 },
  sinceMs: null,
  leader,
})

/** What a Worker shows that runs something of everything. */
export function sampleWorkerView(
  { write = asIs }: SampleOptions,
  findLog: FindLog = () => undefined,
): WorkerPageView {
  const application = {
    name: write('nightly-report', 'worker.app.name'),
    executor: { memoryMib: 1024, resources: {} },
    user: write('mira', 'worker.app.user'),
  }
  const executor = {
    appId: write('app-20261129010000-7-0001', 'worker.app.id'),
    execId: 2,
    cores: 2,
    memoryMib: 1024,
    resources: {},
    state: 'RUNNING' as const,
    application,
    command: 'node firesteel-executor',
  }
  const running = {
    driverId: write('driver-20261129010000-7-0002', 'worker.driver.id'),
    generation: 2,
    attempt: 1,
    state: 'RUNNING' as const,
  }
  return {
    cluster: 'production',
    findLog,
    state: {
      id: write('w2-5b0c2f7a91d4e62', 'worker.self.id'),
      name: 'w2',
      host: '10.0.0.2',
      port: 7078,
      masterUrl: write(SAMPLE_MASTER, 'worker.masterUrl'),
      masterWebUrl: write('http://10.0.0.1:8080', 'worker.masterWebUrl'),
      drain: null,
      cores: 16,
      coresUsed: 5,
      memoryMib: 32_768,
      memoryMibUsed: 6144,
      resources: { [write('gpu', 'worker.self.resource')]: ['0', '1'] },
      resourcesUsed: {},
      executors: [executor, { ...executor, execId: 4 }],
      finishedExecutors: [{ ...executor, execId: 0, state: 'FAILED' }],
      drivers: [running],
      finishedDrivers: [{ ...running, generation: 1, state: 'FINISHED' }],
    },
  }
}

export const SAMPLE_ORIGIN = 'http://10.0.0.1:8080'

let ids = 0

export const sampleSessions = (wallMs: () => number = Date.now, origin = SAMPLE_ORIGIN): Sessions =>
  new Sessions({
    key: Buffer.alloc(32, 'k'),
    cluster: 'production',
    origin,
    wallMs,
    newId: () => `id-${ids++}`,
  })

/** The pages of a Master, as it serves them. What should not happen throws. */
export const samplePages = (
  options: Pick<MasterPagesOptions, 'take' | 'wallMs'> & Partial<MasterPagesOptions>,
): Hono =>
  masterPages({
    sessions: sampleSessions(options.wallMs),
    data: new Hono(),
    kill: () => Promise.reject(new Error('nothing is to be killed')),
    drain: () => Promise.reject(new Error('nothing is to be drained')),
    onDrained: () => undefined,
    onSession: () => undefined,
    onKilled: () => undefined,
    onError: (error) => {
      throw error
    },
    ...options,
  })
