import { summaryOfApplication, summaryOfDriver } from '../messages/common.js'
import {
  applicationDescription as description,
  driverDescription as driver,
  workerOffer,
} from '../messages/samples.js'
import type { PeerInfo } from './cluster-state.js'
import type { MasterInput } from './master-input.js'
import { type DriverRecord, neverLaunched, type RecordTable, type StoredRecords } from './records.js'

/*
 * What a warm-up plays through: some of each kind of record, and what a Master hears in a recovery of them.
 */

export const at = { epoch: 1, seq: 1 }

/** A cluster that has much to do has most of its drivers here. */
const waiting = Array.from({ length: 8 }, (_, number): DriverRecord => {
  const id = `driver-2-${number}`
  return {
    id,
    submittedAtMs: number,
    description: driver,
    key: id,
    digest: 'd',
    ...neverLaunched,
    at,
  }
})

export const records: StoredRecords = {
  tokens: [
    {
      id: 'submit.0.0123456789abcdef',
      name: 'ci',
      role: 'submit',
      createdAtMs: 0,
      endsAtMs: null,
      by: 'secret',
      at,
    },
  ],
  drains: [
    { id: 'w-0@127.0.0.1', name: 'w-0', host: '127.0.0.1', askedAtMs: 0, deadlineMs: 1, deadlineAtMs: 1, at },
  ],
  deployments: [
    {
      id: '1',
      number: 1,
      state: 'APPLIED',
      startedAtMs: 0,
      by: 'up',
      file: 'cluster.yaml',
      folder: '/',
      text: '',
      changes: [],
      at,
    },
  ],
  workers: [{ ...workerOffer, id: 'w-1', draining: false, at }],
  apps: [
    {
      id: 'app-1',
      submittedAtMs: 0,
      registration: 'r',
      description,
      endpoint: 'c-1',
      address: '127.0.0.1:1',
      registrant: { role: 'client' },
      execIds: 1000,
      at,
    },
  ],
  drivers: [
    {
      id: 'driver-1',
      submittedAtMs: 0,
      description: driver,
      key: 'k',
      digest: 'd',
      state: 'RUNNING',
      wanted: 'RUN',
      generation: 1,
      launchedUnder: 1,
      workerId: 'w-1',
      resources: {},
      at,
    },
    ...waiting,
  ],
  ended: [
    {
      kind: 'driver',
      id: 'driver-0',
      submittedAtMs: 0,
      endedAtMs: 0,
      message: '',
      description: summaryOfDriver(driver),
      state: 'FINISHED',
      generation: 1,
      worker: 'w-1',
      exitCode: 0,
      signal: null,
      at,
    },
    {
      kind: 'app',
      id: 'app-0',
      submittedAtMs: 0,
      endedAtMs: 0,
      message: '',
      description: summaryOfApplication(description),
      state: 'FINISHED',
      driver: null,
      at,
    },
  ],
  keys: [['k0', { driverId: 'driver-0', digest: 'd', endedAtMs: 0, at }]],
}

/** A cluster that has been up for long has most of its drivers here. */
export const ended = Array.from({ length: 8 }, () => records.ended).flat()

export const checked: Readonly<Record<RecordTable, readonly unknown[]>> = {
  drain: records.drains,
  deployment: records.deployments,
  token: records.tokens,
  worker: records.workers,
  app: records.apps,
  driver: records.drivers,
  ended,
  key: records.keys.map(([, key]) => key),
}

const worker: PeerInfo = { incarnation: 'w-1', role: 'node', host: '127.0.0.1' }
const client: PeerInfo = { incarnation: 'c-1', role: 'client', host: '127.0.0.1' }

export const observed: readonly MasterInput[] = [
  { kind: 'linkUp', peer: worker },
  { kind: 'linkUp', peer: client },
  {
    kind: 'elected',
    epoch: 2,
    owner: 'm-1',
    base: at,
    earlier: [{ epoch: 1, owner: 'nobody', base: { epoch: 0, seq: 0 } }],
    observed: at,
    format: 1,
  },
  { kind: 'records', records },
  { kind: 'restored' },
  {
    kind: 'message',
    from: 'w-1',
    message: {
      type: 'WorkerSchedulerStateResponse',
      id: 'w-1',
      seen: at,
      executors: [
        {
          appId: 'app-1',
          execId: 0,
          cores: 1,
          memoryMib: 1,
          resources: {},
          state: 'RUNNING',
          launchedAt: { ...at, owner: 'nobody' },
        },
      ],
      drivers: [
        {
          driverId: 'driver-1',
          generation: 1,
          attempt: 1,
          state: 'RUNNING',
          resources: {},
          description: driver,
          launchedAt: { ...at, owner: 'nobody' },
        },
      ],
    },
  },
  {
    kind: 'message',
    from: 'c-1',
    message: {
      type: 'MasterChangeAcknowledged',
      appId: 'app-1',
      registration: 'r',
      description,
      listen: { port: 1 },
      executors: [{ execId: 0, workerId: 'w-1' }],
      highestExecId: 0,
    },
  },
  { kind: 'timer', timer: { kind: 'pulse' } },
  { kind: 'turnEnd' },
]
