import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { kindOf, meantId } from '../../actors/client/resolve-id.js'
import type { ApplicationView, MasterStateResponse } from '../../actors/messages/status.js'
import { errorOf, exitCodeOf, isFiresteelError } from '../../runtime/errors.js'
import type { Console } from '../../runtime/launch/cli/console.js'
import { errorRecord } from '../../runtime/launch/cli/error-record.js'
import { statusText, withinRows } from '../../runtime/launch/cli/status-list.js'
import { oneStatusJson, oneStatusText, statusJson } from '../../runtime/launch/cli/status-view.js'
import { submissionKey } from '../../runtime/launch/cli/submission-key.js'
import { submissionDescription } from '../../runtime/launch/cli/submissions.js'
import { table, tableWithin, wrapped } from '../../runtime/launch/cli/text-table.js'
import { WatchScreen } from '../../runtime/launch/cli/watch-screen.js'
import { defaultMemoryMib } from '../../runtime/launch/config/machine.js'
import { readConfig } from '../../runtime/launch/config/read.js'
import { formatAge, formatDuration } from '../../runtime/units.js'

const state: MasterStateResponse = {
  type: 'MasterStateResponse',
  cluster: 'demo',
  address: 'firesteel://a:7070',
  web: null,
  rest: null,
  state: 'ALIVE',
  position: { epoch: 2, seq: 5 },
  leader: 'firesteel://a:7070',
  sinceMs: 0,
  stale: false,
  masters: [{ address: 'firesteel://a:7070', state: 'ALIVE' }],
  workers: [
    {
      id: 'w1-0a',
      name: 'w1',
      host: '::1',
      port: 7100,
      web: null,
      state: 'ALIVE',
      suspect: true,
      cores: 4,
      coresUsed: 1,
      memoryMib: 4096,
      memoryMibUsed: 512,
      resources: {},
      resourcesUsed: {},
      labels: { zone: 'a' },
      lastHeartbeatMs: 0,
    },
  ],
  activeApps: [],
  completedApps: [],
  activeDrivers: [
    {
      id: 'driver-1',
      description: {
        name: 'job',
        main: '/job.js',
        cores: 64,
        memoryMib: 1024,
        resources: {},
        supervise: true,
      },
      state: 'SUBMITTED',
      submittedAtMs: 0,
      endedAtMs: null,
      generation: 0,
      worker: null,
      exitCode: null,
      signal: null,
      message: 'no Worker has 64 free cores',
    },
  ],
  completedDrivers: [],
}

test('status --json: a silent Worker is suspect, a store that is away makes it stale; else neither key is there', () => {
  const json = statusJson(state)
  assert.deepEqual(json.workers[0], {
    id: 'w1-0a',
    name: 'w1',
    address: 'firesteel://[::1]:7100',
    state: 'ALIVE',
    suspect: true,
    cores: 4,
    coresUsed: 1,
    memoryMib: 4096,
    memoryMibUsed: 512,
  })
  assert.ok(!('stale' in json))
  assert.equal(statusJson({ ...state, stale: true }).stale, true)
  const store = { format: 1, newest: 2 }
  assert.deepEqual(statusJson({ ...state, store }).store, store)
  assert.deepEqual(json.drivers, [
    {
      id: 'driver-1',
      name: 'job',
      state: 'SUBMITTED',
      worker: null,
      generation: 0,
      supervise: true,
      pid: null,
      restarts: 0,
      lastExit: null,
      nextStartAt: null,
      message: 'no Worker has 64 free cores',
    },
  ])
})

test('status for people says why something waits', () => {
  const text = statusText(state, 0)
  assert.match(text, /^w1 +\[::1\]:7100 +ALIVE \(silent\) +1\/4 +512m\/4g$/m)
  assert.match(text, /^driver-1 +job +SUBMITTED +0s +-\n {2}no Worker has 64 free cores$/m)
  assert.match(text, /^Applications: none$/m)
  assert.match(statusText({ ...state, stale: true }, 0), /from memory: the store is away/)
})

test('an application that waits says why: reason, Worker, host, path or output, and when it is tried again', () => {
  const failed = { workerId: 'w1-0a', host: '10.0.0.2', failures: 3, retryAtMs: 4000, excluded: true }
  const message = 'FIRESTEEL_FOLDER_MISSING: the working folder /jobs does not exist on 10.0.0.2'
  const app: ApplicationView = {
    id: 'app-1',
    description: { name: 'count', executor: { cores: 1, memoryMib: 512, resources: {} }, user: 'me' },
    state: 'WAITING',
    submittedAtMs: 0,
    endedAtMs: null,
    coresGranted: 0,
    driver: null,
    waiting: {
      reason: 'LAUNCHES_FAILED',
      workers: [
        { ...failed, failure: { kind: 'start', code: 'FIRESTEEL_FOLDER_MISSING', place: '/jobs', message } },
        {
          ...failed,
          excluded: false,
          failure: { kind: 'exit', exitStatus: 9, output: 'app-1/7', message: 'ended' },
        },
      ],
    },
    executors: [],
    message: 'waits: it could not be started on w1-0a (10.0.0.2)',
  }
  const given = { ...state, activeApps: [app] }
  const tried = { id: 'w1-0a', host: '10.0.0.2', failures: 3, retryAt: '1970-01-01T00:00:04.000Z' }
  assert.deepEqual(statusJson(given).applications, [
    {
      id: 'app-1',
      name: 'count',
      state: 'WAITING',
      cores: 0,
      executors: 0,
      waiting: {
        reason: 'LAUNCHES_FAILED',
        workers: [
          {
            ...tried,
            kind: 'start',
            code: 'FIRESTEEL_FOLDER_MISSING',
            path: '/jobs',
            message,
            excluded: true,
          },
          { ...tried, kind: 'exit', exitStatus: 9, output: 'app-1/7', message: 'ended', excluded: false },
        ],
      },
      message: 'waits: it could not be started on w1-0a (10.0.0.2)',
    },
  ])
  assert.match(
    statusText(given, 0),
    /^app-1 +count +WAITING +0s +0 +0\n {2}waits: it could not be started on w1-0a/m,
  )
})

test('status lists every Master, the one without a link as UNKNOWN', () => {
  const masters: MasterStateResponse['masters'] = [
    { address: 'firesteel://a:7070', state: 'ALIVE' },
    { address: 'firesteel://b:7070', state: 'STANDBY' },
    { address: 'firesteel://c:7070', state: 'UNKNOWN' },
  ]
  assert.deepEqual(statusJson({ ...state, masters }).masters, masters)
  const lines = statusText({ ...state, masters }, 0).split('\n')
  const at = lines.indexOf('Masters:')
  assert.deepEqual(lines.slice(at + 1, at + 5), [
    'ADDRESS             STATE',
    'firesteel://a:7070  ALIVE',
    'firesteel://b:7070  STANDBY',
    'firesteel://c:7070  UNKNOWN',
  ])
})

test('status ID shows the labels that its Workers must have, and nothing where there are none', () => {
  const [driver] = state.activeDrivers
  const on = { zone: 'a', disk: 'ssd' }
  const placed = { ...state, activeDrivers: [{ ...driver!, description: { ...driver!.description, on } }] }
  assert.match(oneStatusText(placed, 'driver-1'), /^on +zone=a, disk=ssd$/m)
  assert.deepEqual(oneStatusJson(placed, 'driver-1').on, on)
  assert.doesNotMatch(oneStatusText(state, 'driver-1'), /^on /m)
  assert.deepEqual(oneStatusJson(state, 'driver-1').on, {})
})

test('status ID finds a Worker also by its name, and refuses the unknown', () => {
  assert.equal(oneStatusJson(state, 'w1').id, 'w1-0a')
  assert.equal(oneStatusJson(state, 'driver-1').message, 'no Worker has 64 free cores')
  assert.match(oneStatusText(state, 'w1'), /^labels +zone=a$/m)
  assert.throws(
    () => oneStatusJson(state, 'nope'),
    (error) => isFiresteelError(error, 'UNKNOWN_ID'),
  )
})

test('a table aligns text left and numbers right', () => {
  assert.deepEqual(
    table(
      ['ID', 'N'],
      [
        ['a', 5],
        ['bcd', 10],
      ],
    ),
    ['ID   N', 'a     5', 'bcd  10'],
  )
})

test('errors cross a process boundary with code, place and exit code', () => {
  const record = { code: 'FIRESTEEL_PORT_IN_USE', message: 'm', help: 'h', place: 'p' }
  assert.deepEqual(errorRecord(errorOf(record)), record)
  assert.equal(exitCodeOf(errorOf(record)), 2)
  assert.equal(errorOf({ ...record, code: 'FIRESTEEL_toString' }).code, 'FIRESTEEL_INTERNAL')
  assert.equal(exitCodeOf(new Error('x')), 1)
})

test('a Worker offers all memory less 1g, at least half', () => {
  assert.deepEqual([16_384, 2048, 1024, 1].map(defaultMemoryMib), [15_360, 1024, 512, 1])
})

test('a submission of a file is the same driver while its content is the same', () => {
  const plan = {
    name: 'n',
    main: '/a/job.js',
    args: [],
    cores: 1,
    memoryMib: 512,
    resources: {},
    env: {},
    supervise: false,
    onIsolation: 'run' as const,
  }
  const key = submissionKey(submissionDescription(plan))
  assert.equal(key, submissionKey(submissionDescription({ ...plan })))
  assert.notEqual(key, submissionKey(submissionDescription({ ...plan, args: ['x'] })))
  assert.match(key, /^deployment\/n\/[0-9a-f]{16}$/)
  const placed = submissionDescription({ ...plan, on: { zone: 'a' } })
  assert.deepEqual(placed.on, { zone: 'a' })
  assert.notEqual(key, submissionKey(placed))
  assert.ok(!('on' in submissionDescription(plan)), 'without labels the key is that of earlier releases')
})

test('a file names the labels of a submission', () => {
  const file = (on: string) =>
    readConfig(`masters: [{}]\nsubmissions: [{name: n, main: ./job.js, on: ${on}}]\n`, {
      file: 'c.yaml',
      folder: '/a',
      environment: {},
    })
  assert.deepEqual(file('{zone: a}').config?.submissions[0]?.on, { zone: 'a' })
  assert.match(file('{zone: 1}').problems[0]?.message ?? '', /^submissions\[0\]\.on\.zone must be text/)
})

const driverId = 'driver-20260101000000-12-0001'
const minute = 60_000

test('status fits 80 columns: names are cut, ids are not, and what is long stands below its row', () => {
  const [waiting] = state.activeDrivers
  const row = { ...waiting!, id: driverId, state: 'RUNNING' as const, worker: 'w1-0a', restarts: 2 }
  const name = 'a-service-with-a-very-long-name-that-somebody-chose'
  const long = { ...row, description: { ...row.description, name }, message: 'word '.repeat(40).trim() }
  const lastExit = { atMs: 0, generation: 1, attempt: 1, code: 3, signal: null }
  const text = statusText({ ...state, activeDrivers: [{ ...long, lastExit }] }, 90 * minute)
  for (const line of text.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`)
  assert.match(text, new RegExp(`^${driverId}  a-service-\\S*…  RUNNING  1h +w1$`, 'm'))
  assert.match(text, /^ {2}restarted 2 times; the last process ended: exit 3; word word/m)
})

test('what runs comes first, then what waits, then what has ended, the newest of each first', () => {
  const [driver] = state.activeDrivers
  const at = (id: string, of: 'RUNNING' | 'SUBMITTED' | 'FINISHED', submittedAtMs: number) => ({
    ...driver!,
    id,
    state: of,
    submittedAtMs,
    message: '',
  })
  const activeDrivers = [at('waits', 'SUBMITTED', 9), at('old', 'RUNNING', 1), at('new', 'RUNNING', 5)]
  const completedDrivers = [at('ended-1', 'FINISHED', 2), at('ended-2', 'FINISHED', 3)]
  const text = statusText({ ...state, activeDrivers, completedDrivers }, 0)
  const ids = text.slice(text.indexOf('Drivers:')).split('\n').slice(2, 7)
  assert.deepEqual(
    ids.map((line) => line.split(' ')[0]),
    ['new', 'old', 'waits', 'ended-2', 'ended-1'],
  )
})

test('--watch leaves out the end of what its window does not hold, and says how much', () => {
  const lines = ['1', '2', '3', '4', '5', '6']
  assert.deepEqual(withinRows(lines, 7), lines)
  assert.deepEqual(withinRows(lines, 5), ['1', '2', '3', '... 3 more lines'])
  assert.deepEqual(withinRows(lines, 1), ['1', '... 5 more lines'])
  const text = statusText(state, 0, { columns: 80, rows: 6 })
  assert.equal(text.split('\n').length, 6)
})

test('a table within a width cuts the widest flexible column first, and never below what tells names apart', () => {
  const header = ['ID', 'NAME', 'WHERE']
  const rows = [['id-0123456789', 'a'.repeat(30), 'b'.repeat(20)]]
  const lines = (columns: number) => tableWithin({ header, rows, notes: [], flexible: [1, 2], columns })
  assert.equal(lines(60)[1], `id-0123456789  ${'a'.repeat(22)}…  ${'b'.repeat(20)}`)
  assert.equal(lines(20)[1], `id-0123456789  ${'a'.repeat(7)}…  ${'b'.repeat(7)}…`)
  assert.deepEqual(wrapped('one two three', 10), ['  one two', '  three'])
  assert.deepEqual(wrapped('', 10), [])
})

test('ages are one unit, and never negative', () => {
  assert.deepEqual([-5, 0, 59_999, minute, 60 * minute, 49 * 60 * minute].map(formatAge), [
    ...['0s', '0s', '59s', '1m', '1h', '2d'],
  ])
  assert.deepEqual([250, 10_000, 600_000, 90_000, 86_400_000].map(formatDuration), [
    ...['250ms', '10s', '10m', '90s', '1d'],
  ])
})

test('an id, a name or the beginning of an id means one thing, or it is said what it may mean', () => {
  assert.equal(meantId({ ...state, workers: [] }, 'job'), 'driver-1')
  assert.equal(meantId({ ...state, workers: [], activeDrivers: [] }, 'job'), undefined)
  assert.throws(() => meantId(state, 'x'), {
    code: 'FIRESTEEL_USAGE',
    message: /^"x" may be 2 things: w1-0a \(ALIVE\), driver-1 \([A-Z]+\)\.$/,
    help: 'Give a longer part of the id, or the whole.',
  })
})

test('of several drivers of one name the one is meant that has not ended; otherwise all are named', () => {
  const [driver] = state.activeDrivers
  const named = (id: string, endedAtMs: number | null) => ({
    ...driver!,
    ...{ id, endedAtMs, description: { ...driver!.description, name: 'etl' } },
    state: endedAtMs === null ? ('RUNNING' as const) : ('FINISHED' as const),
  })
  const of = (activeDrivers: string[], completedDrivers: string[]) => ({
    ...state,
    workers: [],
    activeDrivers: activeDrivers.map((id) => named(id, null)),
    completedDrivers: completedDrivers.map((id) => named(id, 1)),
  })
  assert.equal(meantId(of(['driver-3'], ['driver-1', 'driver-2']), 'etl'), 'driver-3')
  assert.throws(() => meantId(of([], ['driver-1', 'driver-2']), 'etl'), {
    message: '"etl" may be 2 things: driver-1 (FINISHED), driver-2 (FINISHED).',
    help: 'Give the id of the one that you mean.',
  })
  assert.throws(() => meantId(of(['driver-3', 'driver-4'], []), 'etl'), {
    message: '"etl" may be 2 things: driver-3 (RUNNING), driver-4 (RUNNING).',
  })
  // The beginning of ids names nothing, so it is not guessed.
  assert.throws(() => meantId(of(['driver-3'], ['driver-1', 'driver-2']), 'driver-'))
  const many = Array.from({ length: 9 }, (_, at) => `driver-${at}`)
  assert.throws(() => meantId(of([], many), 'etl'), { message: /, driver-4 \(FINISHED\), and 4 more\.$/ })
})

test('an id tells by its beginning what it names', () => {
  const ids = ['driver-20260101120000-1-4', 'app-20260101120000-1-5', 'app-20260101120000-1-5/0', 'w1-0a', '']
  assert.deepEqual(ids.map(kindOf), ['driver', 'application', 'executor', undefined, undefined])
})

test('a line that is wider than the watched screen ends with the sign of a cut', async () => {
  let shown = ''
  const never = new AbortController().signal
  const io = {
    window: () => ({ columns: 10, rows: 3 }),
    stdin: new PassThrough(),
    out: async (text: string | Buffer) => {
      shown += text
    },
    interrupted: never,
    readerGone: never,
  } as unknown as Console
  const screen = (await WatchScreen.open(io)) ?? assert.fail('there is no screen')
  try {
    shown = ''
    await screen.show(() => ['w1 256m/1g', 'w10 256m/1g'], 'q: end it all')
  } finally {
    await screen.close()
  }
  const [first = ''] = shown.split('\u001b[J')
  assert.deepEqual(first.replaceAll('\u001b[K', '').replace('\u001b[H', '').split('\r\n'), [
    'w1 256m/1g',
    'w10 256m/…',
    'q: end it…',
  ])
})
