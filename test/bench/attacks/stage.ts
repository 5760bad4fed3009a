import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NodeTlsPlan } from '../../../runtime/launch/config/deployment.js'
import type { NodeEvent, WorkerSpec } from '../../../runtime/launch/node/node-spec.js'
import { limits } from '../../../runtime/limits.js'
import type { NodeProcess } from '../../../runtime/process/node-process.js'
import { freePort } from '../../harness/free-port.js'
import { probe } from '../../harness/probe.js'
import { waitUntil } from '../../harness/wait-until.js'
import { cluster, type LiveMaster, secret, specOf, startMaster } from '../live-master.js'
import { startBenchNode } from '../start-bench-node.js'
import { probeOptions } from './lag-reader.js'
import type { Target } from './target.js'

export type VictimName = 'Master' | 'Worker' | 'driver'

/** A process under attack: its address, and the socket at which it reports its lag. */
export interface Victim {
  readonly name: VictimName
  readonly target: Target
  readonly probe: string
}

/**
 * One Master with FILESYSTEM recovery, one Worker, one application with one idle executor. With `tls` all of
 * them speak TLS.
 */
export interface Stage extends AsyncDisposable {
  readonly victims: readonly Victim[]
  /** The epoch of the leader, as the Master itself reports it. */
  epoch(): Promise<number>
}

/** Before a client that has just attacked the HTTP server, others may be answered. */
const PROBE_MS = 5000

/** A driver that has ended, and wrote line breaks and one long line. */
const OUTPUT = 'driver-ended'
const OUTPUT_BYTES = 20 * 2 ** 20

async function writeOutput(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'stdout'), Buffer.alloc(OUTPUT_BYTES, '\n'))
  await writeFile(join(folder, 'stderr'), Buffer.alloc(OUTPUT_BYTES, 'x'))
}

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

export async function setStage(tls?: NodeTlsPlan): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-attacks-'))
  const probeAt = (name: string): string => join(folder, `${name}.sock`)
  const place = { name: 'm1', port: 0, web: 0, masters: [] }
  const store = { mode: 'FILESYSTEM', directory: join(folder, 'state') } as const
  const master = await startMaster(
    { ...specOf(store, place, 0), tls: tls ?? null },
    probeOptions(probeAt('master')),
  )
  await writeOutput(join(folder, 'work', OUTPUT))
  const worker = await startWorker(master, join(folder, 'work'), probeOptions(probeAt('worker')), tls)
  const port = await freePort()
  const driver = fork(
    program('./program.js'),
    [master.place.address, secret, String(port), JSON.stringify(probeOptions(probeAt('executor')))],
    {
      execArgv: probeOptions(probeAt('driver')),
      env: { ...process.env, ...(tls && { FIRESTEEL_TLS_CA: tls.ca }) },
    },
  )
  const [{ appId }] = (await once(driver, 'message')) as [{ appId: string }]
  const common = { host: '127.0.0.1', cluster, secret, tls: tls && { ca: tls.ca } }
  return {
    victims: [
      {
        name: 'Master',
        probe: probeAt('master'),
        target: { ...common, port: master.place.port, web: master.place.webPort, actor: '/user/Master' },
      },
      {
        name: 'Worker',
        probe: probeAt('worker'),
        target: {
          ...common,
          port: worker.port,
          web: worker.web,
          actor: '/user/Worker',
          output: OUTPUT,
        },
      },
      {
        name: 'driver',
        probe: probeAt('driver'),
        target: { ...common, port, appId, actor: '/user/ClientEndpoint' },
      },
    ],
    // A client that has just attacked the HTTP server may have to wait for a turn.
    epoch: () =>
      waitUntil('the Master to say who leads', async () => {
        const answer = await probe(`${master.place.web}/json/`, PROBE_MS, {}, tls?.ca).catch(() => undefined)
        if (answer?.status !== 200) return undefined
        return (JSON.parse(answer.body) as { firesteel: { epoch: number } }).firesteel.epoch
      }),
    async [Symbol.asyncDispose]() {
      await ended(driver)
      await worker.node.stop({ graceMs: limits.stopGraceMs })
      await master.node.stop({ graceMs: limits.stopGraceMs })
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.disconnect()
  await exit
}

interface LiveWorker {
  readonly node: NodeProcess
  readonly port: number
  readonly web: number
}

async function startWorker(
  { place }: LiveMaster,
  workDirectory: string,
  nodeOptions: readonly string[],
  tls: NodeTlsPlan | undefined,
): Promise<LiveWorker> {
  const spec: WorkerSpec = {
    role: 'worker',
    name: 'w1',
    cluster,
    secret,
    tls: tls ?? null,
    audit: null,
    host: '127.0.0.1',
    advertise: '127.0.0.1',
    port: 0,
    web: 0,
    leaseMs: limits.leaseMs,
    logging: { level: 'error', format: 'text' },
    traceRing: limits.traceRing,
    otlp: null,
    monitoring: { metrics: 'everyone', probes: 'everyone' },
    drainOnStopMs: null,
    noNewPrivileges: true,
    ...{ codeRoots: null, allowEnv: null, runAs: null, cgroup: null },
    isSupervised: false,
    masters: [place.address],
    cores: 4,
    memoryMib: 4096,
    resources: {},
    labels: {},
    workerTimeoutMs: limits.workerTimeoutMs,
    orphanGraceMs: 0,
    workDirectory,
    code: { cache: join(workDirectory, 'code'), maxBytes: limits.codeCacheMib * 2 ** 20, inPlace: true },
  }
  const events: NodeEvent[] = []
  const node = await startBenchNode(spec, nodeOptions, (event) => void events.push(event))
  await waitUntil('the Worker to be registered', () => events.some(({ event }) => event === 'ready'))
  for (const event of events) {
    if (event.event === 'listening') return { node, port: event.port, web: event.webPort }
  }
  throw new Error('the Worker did not say where it listens')
}
