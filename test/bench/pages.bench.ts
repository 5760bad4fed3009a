import { fork } from 'node:child_process'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { EndedApplication, WorkerRecord } from '../../actors/master/records.js'
import { warmUp } from '../../actors/master/warm-up.js'
import { createHttpServer } from '../../runtime/http/server.js'
import { percentile } from '../tools/load/statistics.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'
import { samplePages, sampleSessions, sampleView } from '../tools/page-views.js'

/*
 * What pages cost a Master that has many Workers and has seen many applications: the time of an answer, the
 * longest turn of its event loop, and the processor time of open pages. The Master's core and its HTTP server
 * are the real ones, in a process of their own.
 */

const WORKERS = 1000
const ENDED = 10_000
const OPEN = 50
const MEASURED_MS = 20_000
const READS = 40

export interface PagesResult {
  readonly workers: number
  readonly ended: number
  /** Milliseconds of the first overview, and of the later ones. */
  readonly firstMs: number
  readonly overviewMs: { readonly p50: number; readonly max: number }
  /** The longest turn of the Master's event loop while pages were read, milliseconds. */
  readonly turnMs: number
  readonly open: number
  /** Processor time of the Master for the open pages, percent of one core. */
  readonly openPercent: number
  /** The longest turn with them. */
  readonly openTurnMs: number
}

interface Told {
  readonly port: number
  readonly turnMs: number
  readonly cpuMs: number
}

export async function benchPages(): Promise<PagesResult> {
  const child = fork(fileURLToPath(import.meta.url), ['serve'])
  const ask = async (): Promise<Told> => {
    child.send('tell')
    return ((await once(child, 'message')) as [Told])[0]
  }
  try {
    const { port } = ((await once(child, 'message')) as [Told])[0]
    await ask()
    const firstMs = await timed(port, '/')
    const times: number[] = []
    for (let count = 0; count < READS; count++) {
      times.push(await timed(port, '/'))
      for (const path of ['/workers?page=7', '/applications?page=150', '/applications?q=report', '/drivers'])
        await timed(port, path)
      await delay(50)
    }
    const read = await ask()
    const streams = await Promise.all(Array.from({ length: OPEN }, (_, number) => opened(port, number)))
    await ask()
    await delay(MEASURED_MS)
    const open = await ask()
    for (const stream of streams) stream.destroy()
    return {
      workers: WORKERS,
      ended: ENDED,
      firstMs,
      overviewMs: { p50: percentile(times, 50), max: Math.max(...times) },
      turnMs: read.turnMs,
      open: streams.length,
      openPercent: (100 * open.cpuMs) / MEASURED_MS,
      openTurnMs: open.turnMs,
    }
  } finally {
    child.kill()
  }
}

async function timed(port: number, path: string): Promise<number> {
  const fromMs = performance.now()
  const answer = await fetch(`http://127.0.0.1:${port}${path}`)
  await answer.text()
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`)
  return performance.now() - fromMs
}

/** An open page. Each of ten addresses has five, of different lists. */
function opened(port: number, number: number): Promise<IncomingMessage> {
  const paths = ['/', '/workers', `/workers?page=${number % 20}`, '/applications', '/drivers']
  const of = encodeURIComponent(paths[number % paths.length] as string)
  return new Promise((resolve, reject) => {
    get(
      { host: '127.0.0.1', port, path: `/live?of=${of}`, localAddress: `127.0.1.${1 + (number % 10)}` },
      (answer) => {
        answer.resume()
        resolve(answer)
      },
    ).once('error', reject)
  })
}

const at = { epoch: 1, seq: 1 }

const worker = (number: number): WorkerRecord => ({
  id: `w${number}-5b0c2f7a91d4e6${String(number).padStart(4, '0')}`,
  name: `w${number}`,
  host: `10.0.${number >> 8}.${number & 255}`,
  port: 7078,
  web: `http://10.0.${number >> 8}.${number & 255}:8081`,
  cores: 16,
  memoryMib: 32_768,
  resources: {},
  labels: { zone: number % 2 === 0 ? 'a' : 'b' },
  draining: false,
  at,
})

const ended = (number: number): EndedApplication => ({
  kind: 'app',
  id: `app-20261129010000-1-${String(number).padStart(4, '0')}`,
  submittedAtMs: 1_790_000_000_000 + number,
  endedAtMs: 1_790_000_060_000 + number,
  message: '',
  description: {
    name: `nightly-report-${number}`,
    executor: { cores: 2, memoryMib: 1024, resources: {} },
    user: 'mira',
  },
  state: 'FINISHED',
  driver: null,
  at,
})

async function serve(): Promise<void> {
  const world = new MasterWorld({ retainedEnded: 2 * ENDED }, { isReplayed: false })
  // As a STANDBY does before it can lead.
  await warmUp(world.config, () => true)
  world.elect({
    ...noRecords,
    workers: Array.from({ length: WORKERS }, (_, number) => worker(number)),
    ended: Array.from({ length: ENDED }, (_, number) => ended(number)),
  })
  const queue = { position: at, degradation: undefined, storeReachable: true, isFull: false, queuedBytes: 0 }
  const now = () => ({ monotonicMs: performance.now(), wallMs: Date.now() })
  const nowMs = Date.now()
  const routes = samplePages({
    take: () => sampleView({ nowMs }, world.core.snapshot(queue, now())),
    wallMs: Date.now,
    sessions: sampleSessions(),
  })
  const server = await createHttpServer({ host: '127.0.0.1', port: 0, routes: () => routes })
  // Something changes ten times a second, as on a busy cluster, so that all rows are made anew.
  setInterval(() => void world.core.step({ kind: 'timer', timer: { kind: 'again' } }, now(), queue), 100)
  await server.prepare()
  const turns = monitorEventLoopDelay({ resolution: 1 })
  turns.enable()
  let cpu = process.cpuUsage()
  const tell = (): void => {
    const { user, system } = process.cpuUsage(cpu)
    process.send?.({ port: server.port, turnMs: turns.max / 1e6, cpuMs: (user + system) / 1000 })
    turns.reset()
    cpu = process.cpuUsage()
  }
  process.on('message', tell)
  process.on('disconnect', () => process.exit())
  tell()
}

if (process.argv[2] === 'serve') await serve()
