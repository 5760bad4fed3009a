import { summaryOfApplication } from '../../actors/messages/common.js'
import { applicationDescription, workerOffer } from '../../actors/messages/samples.js'
import type { MasterStateResponse, WorkerStatus } from '../../actors/messages/status.js'
import type { WorkerStatus as WorkerItself } from '../../actors/worker/status.js'

/* A Master and a Worker with something of everything, for their routes to show. */

const worker = (id: string, more: Partial<WorkerStatus> = {}): WorkerStatus => ({
  ...workerOffer,
  id,
  name: id,
  web: 'http://10.0.0.1:8081',
  state: 'ALIVE',
  suspect: false,
  coresUsed: 1,
  memoryMib: 4096,
  memoryMibUsed: 512,
  resources: { gpu: ['0', '1'] },
  resourcesUsed: { gpu: ['1'] },
  labels: { zone: 'a' },
  lastHeartbeatMs: 1000,
  ...more,
})

const description = {
  ...applicationDescription,
  maxCores: 4,
  executor: { cores: 1, memoryMib: 512, resources: { gpu: 1 } },
  env: { A: 'b' },
}

export const app = {
  id: 'app-20260101000000-1-1',
  description: summaryOfApplication(description),
  state: 'RUNNING' as const,
  submittedAtMs: Date.UTC(2026, 0, 1),
  endedAtMs: null,
  coresGranted: 3,
  executors: [
    {
      appId: 'app-20260101000000-1-1',
      execId: 0,
      workerId: 'w1',
      cores: 1,
      memoryMib: 512,
      state: 'RUNNING' as const,
    },
  ],
  driver: null,
  message: '',
}

export const driver = {
  id: 'driver-20260101000000-1-2',
  description: {
    name: 'nightly',
    main: '/jobs/nightly.js',
    cores: 1,
    memoryMib: 1024,
    resources: {},
    supervise: true,
  },
  state: 'SUBMITTED' as const,
  submittedAtMs: Date.UTC(2026, 0, 1),
  endedAtMs: null,
  generation: 0,
  worker: null,
  exitCode: null,
  signal: null,
  message: '',
}

export function masterState(more: Partial<MasterStateResponse> = {}): MasterStateResponse {
  const made: MasterStateResponse = {
    type: 'MasterStateResponse',
    cluster: 'demo',
    address: 'firesteel://10.0.0.1:7070',
    web: 'http://10.0.0.1:8080',
    rest: null,
    state: 'ALIVE',
    position: { epoch: 3, seq: 9 },
    leader: 'firesteel://10.0.0.1:7070',
    sinceMs: Date.UTC(2026, 0, 1),
    stale: false,
    masters: [{ address: 'firesteel://10.0.0.1:7070', state: 'ALIVE' }],
    workers: [worker('w1'), worker('w2', { coresUsed: 3 }), worker('w3', { state: 'DEAD', coresUsed: 4 })],
    activeApps: [app],
    completedApps: [
      { ...app, id: 'app-20260101000000-1-0', state: 'FINISHED', endedAtMs: app.submittedAtMs + 2500 },
    ],
    activeDrivers: [driver, { ...driver, id: 'd2', state: 'RUNNING', worker: 'w1', generation: 1 }],
    completedDrivers: [],
    ...more,
  }
  return made
}

export const workerState: WorkerItself = {
  id: 'w1',
  name: 'w1',
  host: '10.0.0.2',
  port: 7100,
  masterUrl: 'firesteel://10.0.0.1:7070',
  masterWebUrl: null,
  drain: null,
  cores: 4,
  coresUsed: 1,
  memoryMib: 4096,
  memoryMibUsed: 512,
  resources: { gpu: ['0'] },
  resourcesUsed: {},
  executors: [
    {
      appId: app.id,
      execId: 7,
      cores: 1,
      memoryMib: 512,
      resources: { gpu: ['0'] },
      state: 'RUNNING',
      application: { name: description.name, executor: description.executor, user: description.user },
      command: 'node firesteel-executor',
    },
  ],
  finishedExecutors: [],
  drivers: [],
  finishedDrivers: [],
}
