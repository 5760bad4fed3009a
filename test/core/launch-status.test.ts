import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApplicationView, MasterStateResponse } from '../../actors/messages/status.js'
import { errorOf, exitCodeOf, isFiresteelError } from '../../runtime/errors.js'
import { errorRecord } from '../../runtime/launch/cli/error-record.js'
import {
  oneStatusJson,
  oneStatusText,
  statusJson,
  statusText,
  table,
} from '../../runtime/launch/cli/status-view.js'
import { submissionDescription, submissionKey } from '../../runtime/launch/cli/submissions.js'
import { defaultMemoryMib } from '../../runtime/launch/config/machine.js'

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
  const text = statusText(state)
  assert.match(text, /^w1-0a +firesteel:\/\/\[::1\]:7100 +ALIVE \(silent\) +1\/4 +512m\/4g$/m)
  assert.match(text, /SUBMITTED +- +0 +no Worker has 64 free cores$/m)
  assert.match(text, /^Applications: none$/m)
  assert.match(statusText({ ...state, stale: true }), /from memory: the store is away/)
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
  assert.match(statusText(given), /^app-1 +count +WAITING +0 +0 +waits: it could not be started on w1-0a/m)
})

test('status lists every Master, the one without a link as UNKNOWN', () => {
  const masters: MasterStateResponse['masters'] = [
    { address: 'firesteel://a:7070', state: 'ALIVE' },
    { address: 'firesteel://b:7070', state: 'STANDBY' },
    { address: 'firesteel://c:7070', state: 'UNKNOWN' },
  ]
  assert.deepEqual(statusJson({ ...state, masters }).masters, masters)
  const lines = statusText({ ...state, masters }).split('\n')
  const at = lines.indexOf('Masters:')
  assert.deepEqual(lines.slice(at + 1, at + 5), [
    'ADDRESS             STATE',
    'firesteel://a:7070  ALIVE',
    'firesteel://b:7070  STANDBY',
    'firesteel://c:7070  UNKNOWN',
  ])
})

test('status ID finds a Worker also by its name, and refuses the unknown', () => {
  assert.equal(oneStatusJson(state, 'w1').id, 'w1-0a')
  assert.equal(oneStatusJson(state, 'driver-1').message, 'no Worker has 64 free cores')
  assert.match(oneStatusText(state, 'w1'), /^labels +\{"zone":"a"\}$/m)
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
})
