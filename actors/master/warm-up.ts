import { setImmediate as nextTurn } from 'node:timers/promises'
import { innerLimits } from '../../runtime/inner-limits.js'
import { CommitQueue } from '../../runtime/persistence/commit-queue.js'
import { catalogue, violation } from '../messages/catalogue.js'
import { summaryOfApplication, summaryOfDriver } from '../messages/common.js'
import type { PeerInfo } from './cluster-state.js'
import type { MasterConfig } from './master-config.js'
import { MasterCore, type MasterInput } from './master-core.js'
import { recordCacheOf } from './read-records.js'
import { type RecordTable, recordViolations, type StoredRecords } from './records.js'
import type { GatedEffect } from './step.js'

/*
 * A STANDBY's first election would run all code for the first time: V8 compiles a function, and zod a schema, at its first
 * use, and both are slow at first. So a STANDBY runs some recoveries in memory. Measured: this halves the time of its
 * take-over.
 */

const at = { epoch: 1, seq: 1 }

const description = {
  name: 'warm-up',
  executor: { cores: 1, memoryMib: 1, resources: {} },
  user: 'nobody',
  cwd: '/',
  env: {},
  nodeOptions: [],
}

const driver = {
  name: 'warm-up',
  main: '/warm-up.js',
  args: [],
  cwd: '/',
  cores: 1,
  memoryMib: 1,
  resources: {},
  supervise: true,
  onIsolation: 'run' as const,
  env: {},
  nodeOptions: [],
}

const records: StoredRecords = {
  workers: [
    {
      id: 'w-1',
      name: 'w',
      host: '127.0.0.1',
      port: 1,
      cores: 4,
      memoryMib: 1024,
      resources: {},
      labels: {},
      web: null,
      draining: false,
      at,
    },
  ],
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

/** It has many ended drivers, because they are most of what a take-over reads. */
const checked: Readonly<Record<RecordTable, readonly unknown[]>> = {
  worker: records.workers,
  app: records.apps,
  driver: records.drivers,
  ended: Array.from({ length: 8 }, () => records.ended).flat(),
  key: records.keys.map(([, key]) => key),
}

const worker: PeerInfo = { incarnation: 'w-1', role: 'node', host: '127.0.0.1' }
const client: PeerInfo = { incarnation: 'c-1', role: 'client', host: '127.0.0.1' }

const observed: readonly MasterInput[] = [
  { kind: 'linkUp', peer: worker },
  { kind: 'linkUp', peer: client },
  {
    kind: 'elected',
    epoch: 2,
    owner: 'm-1',
    base: at,
    earlier: [{ epoch: 1, owner: 'nobody', base: { epoch: 0, seq: 0 } }],
    observed: at,
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

/** V8 optimizes code that ran some hundred times, and a take-over reads some hundred records. */
const PASSES = innerLimits.warmUpPasses

/**
 * Runs recoveries, one per turn of the event loop, so that it delays nothing. It has no outside effect: the core is pure,
 * and its effects are dropped.
 */
export async function warmUp(config: MasterConfig, isNeeded: () => boolean): Promise<void> {
  for (const type of catalogue.master.keys()) violation('master', { type })
  for (let pass = 0; pass < PASSES && isNeeded(); pass++) {
    play(config)
    await nextTurn()
  }
}

function play(config: MasterConfig): void {
  for (const [table, rows] of Object.entries(checked)) {
    for (const row of rows) recordViolations[table as RecordTable](row)
  }
  void [...recordCacheOf(records)]
  const core = new MasterCore(config)
  const commitQueue = new CommitQueue<GatedEffect>({
    epoch: 2,
    base: at,
    writeId: 'm',
    newWriteId: () => 'n',
  })
  for (const input of observed) {
    if (input.kind === 'message') violation('master', input.message)
    const now = { monotonicMs: 0, wallMs: 0 }
    const step = core.step(structuredClone(input), now, {
      position: commitQueue.position,
      degradation: undefined,
    })
    commitQueue.submit({ puts: step.puts, deletes: step.deletes, effects: step.gated })
    const request = commitQueue.next(0)
    if (request && request.kind !== 'wait')
      commitQueue.settled({ kind: 'ok', position: commitQueue.position }, 0)
  }
  core.snapshot({ position: commitQueue.position, degradation: undefined }, { monotonicMs: 0, wallMs: 0 })
}
