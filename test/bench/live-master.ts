import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MasterSpec, NodeEvent } from '../../runtime/launch/node/node-spec.js'
import { limits } from '../../runtime/limits.js'
import type { NodeProcess } from '../../runtime/process/node-process.js'
import { waitUntil } from '../harness/wait-until.js'
import { startBenchNode } from './start-bench-node.js'

/* A real Master process of a benchmark. */

export interface LiveMaster {
  readonly node: NodeProcess
  readonly cluster: string
  readonly secret: string
  readonly place: Extract<NodeEvent, { event: 'listening' }>
  /** Of its newest epoch, led or heard of, and of its newest `ready`. */
  readonly times: { readonly electedAtMs: number; readonly aliveAtMs: number }
}

export const secret = 'a secret of the benchmarks only, long enough'
export const cluster = 'bench'

/** Where the state is kept. */
export type Store =
  | { readonly mode: 'FILESYSTEM'; readonly directory: string }
  | { readonly mode: 'REDIS'; readonly redis: string }

export interface Place {
  readonly name: string
  readonly port: number
  readonly web: number
  readonly masters: readonly string[]
}

export function specOf(store: Store, { name, port, web, masters }: Place, observedEpoch: number): MasterSpec {
  return {
    role: 'master',
    name,
    cluster,
    secret,
    tls: null,
    audit: null,
    host: '127.0.0.1',
    advertise: '127.0.0.1',
    port,
    web,
    rest: null,
    leaseMs: limits.leaseMs,
    observedEpoch,
    logging: { level: 'error', format: 'text' },
    traceRing: limits.traceRing,
    otlp: null,
    recording: null,
    monitoring: { metrics: 'everyone', probes: 'everyone' },
    masters,
    recovery: {
      mode: store.mode,
      directory: store.mode === 'FILESYSTEM' ? store.directory : '/nowhere',
      leaseMs: limits.leaseMs,
      redis: store.mode === 'REDIS' ? store.redis : null,
      sentinel: null,
      election: [],
      replicas: 0,
      module: null,
    },
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

/** `nodeOptions`: flags of Node itself. */
export async function startMaster(
  spec: MasterSpec,
  nodeOptions: readonly string[] = [],
): Promise<LiveMaster> {
  let place: LiveMaster['place'] | undefined
  const master = { electedAtMs: Number.NaN, aliveAtMs: Number.NaN }
  const node = await startBenchNode(spec, nodeOptions, (event) => {
    if (event.event === 'listening') place = event
    else if (event.event === 'epoch') master.electedAtMs = performance.now()
    else if (event.event === 'ready') master.aliveAtMs = performance.now()
  })
  await waitUntil(
    'a Master to stand by or lead',
    () => place !== undefined && !Number.isNaN(master.electedAtMs),
    {
      everyMs: 1,
    },
  )
  return { node, cluster, secret, place: place!, times: master }
}

/** One Master with FILESYSTEM recovery, ALIVE; it is stopped and its state deleted afterwards. */
export async function withMaster<T>(work: (master: LiveMaster) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'firesteel-bench-'))
  const place = { name: 'm1', port: 0, web: 0, masters: [] }
  const master = await startMaster(specOf({ mode: 'FILESYSTEM', directory }, place, 0))
  try {
    return await work(master)
  } finally {
    await master.node.stop({ graceMs: 5000 })
    await rm(directory, { recursive: true, force: true })
  }
}
