import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { MasterSpec, NodeEvent } from '../../runtime/launch/node-spec.js'
import { limits } from '../../runtime/limits.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { type NodeProcess, startNode } from '../../runtime/process/node-process.js'
import { waitUntil } from '../harness/wait-until.js'
import { ApplicationEndpoint, type Endpoint, type EndpointPlace, WorkerEndpoint } from './endpoints.js'

/*
 * Recovery from disk: a Master with many Workers and applications over real sockets is killed (-9) and started again.
 * Measured by its own events: from election to ALIVE, and to ALIVE with everybody who answers.
 */

export interface RecoveryResult {
  readonly name: string
  readonly workers: number
  readonly applications: number
  readonly silent: number
  /** From kill -9 to election: a new process, its imports, its ports, the store. */
  readonly startMs: number
  /** From election to ALIVE. */
  readonly aliveMs: number
  /** From election until every Worker that is not silent is ALIVE and every application has answered. */
  readonly completeMs: number
  /** Workers that were schedulable when ALIVE was said. */
  readonly readyWorkers: number
}

interface LiveMaster {
  readonly node: NodeProcess
  readonly place: Extract<NodeEvent, { event: 'listening' }>
  readonly electedAtMs: number
  readonly aliveAtMs: () => number
}

const secret = 'a secret of the recovery bench'
const cluster = 'bench'

function specOf(directory: string, port: number, web: number, heardEpoch: number): MasterSpec {
  return {
    role: 'master',
    name: 'm1',
    cluster,
    secret,
    host: '127.0.0.1',
    advertise: '127.0.0.1',
    port,
    web,
    rest: null,
    leaseMs: limits.leaseMs,
    heardEpoch,
    logging: { level: 'error', format: 'text' },
    traceRing: limits.traceRing,
    recovery: { mode: 'FILESYSTEM', directory, leaseMs: limits.leaseMs },
    scheduling: {
      spreadOut: true,
      defaultCores: null,
      workerTimeoutMs: limits.workerTimeoutMs,
      orphanGraceMs: 0,
      relaunchOnRefused: true,
      maxExecutorRetries: limits.maxExecutorRetries,
    },
  }
}

async function startMaster(spec: MasterSpec): Promise<LiveMaster> {
  let place: LiveMaster['place'] | undefined
  let electedAtMs: number | undefined
  let aliveAtMs: number | undefined
  const node = await startNode({
    script: fileURLToPath(new URL('../../runtime/launch/node-main.js', import.meta.url)),
    args: [],
    spec,
    cwd: '/',
    env: childEnvironment({}),
    stdout: 'inherit',
    stderr: 'inherit',
    onEvent: (raw) => {
      const event = raw as NodeEvent
      if (event.event === 'listening') place = event
      else if (event.event === 'epoch') electedAtMs ??= performance.now()
      else if (event.event === 'ready') aliveAtMs ??= performance.now()
    },
  })
  await waitUntil('the election', () => place !== undefined && electedAtMs !== undefined, { everyMs: 1 })
  return { node, place: place!, electedAtMs: electedAtMs!, aliveAtMs: () => aliveAtMs ?? Number.NaN }
}

interface MasterJson {
  readonly status: string
  readonly aliveworkers: number
  readonly activeapps: readonly { readonly state: string }[]
}

async function stateOf(web: string | null): Promise<MasterJson> {
  const response = await fetch(`${web}/json/`)
  return (await response.json()) as MasterJson
}

export async function benchRecovery(
  workers: number,
  applications: number,
  silent: number,
): Promise<RecoveryResult> {
  const directory = await mkdtemp(join(tmpdir(), 'firesteel-recovery-'))
  const endpoints: Endpoint[] = []
  let master = await startMaster(specOf(directory, 0, 0, 0))
  try {
    const place: EndpointPlace = { cluster, secret, host: '127.0.0.1', port: master.place.port }
    for (let number = 0; number < workers; number++) endpoints.push(new WorkerEndpoint(place, number))
    for (let number = 0; number < applications; number++)
      endpoints.push(new ApplicationEndpoint(place, number))
    const complete = async (expected: number) => {
      const { status, aliveworkers, activeapps } = await stateOf(master.place.web)
      const answered = activeapps.filter(({ state }) => state !== 'UNKNOWN').length
      if (status === 'ALIVE' && aliveworkers >= expected && answered >= applications) return true
      throw new Error(
        `${status}, ${aliveworkers} Workers ALIVE, ${answered} of ${activeapps.length} applications`,
      )
    }
    await waitUntil('all to register', () => complete(workers), { deadlineMs: 60_000, everyMs: 100 })
    const exited = master.node.exited
    master.node.signal('SIGKILL')
    await exited
    for (const endpoint of endpoints.slice(0, silent)) endpoint.close()
    const killedAtMs = performance.now()
    master = await startMaster(specOf(directory, master.place.port, master.place.webPort, 1))
    await waitUntil('ALIVE', () => !Number.isNaN(master.aliveAtMs()), { everyMs: 1 })
    const { aliveworkers } = await stateOf(master.place.web)
    await waitUntil('all to answer', () => complete(workers - silent), { deadlineMs: 30_000, everyMs: 50 })
    const completeMs = performance.now() - master.electedAtMs
    return {
      name: `recovery of ${workers} Workers and ${applications} applications, ${silent} silent`,
      workers,
      applications,
      silent,
      startMs: Math.round(master.electedAtMs - killedAtMs),
      aliveMs: Math.round(master.aliveAtMs() - master.electedAtMs),
      completeMs: Math.round(completeMs),
      readyWorkers: aliveworkers,
    }
  } finally {
    for (const endpoint of endpoints) endpoint.close()
    await master.node.stop({ graceMs: 5000 })
    await rm(directory, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(await benchRecovery(1000, 1000, 0))
  console.log(await benchRecovery(1000, 1000, 10))
}
