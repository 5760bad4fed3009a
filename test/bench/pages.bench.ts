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
/** Each first overview needs a Master that has shown nothing yet. */
const MASTERS = 7

export interface PagesResult {
  readonly workers: number
  readonly ended: number
  /** Of so many Masters are the medians of the first overview. */
  readonly masters: number
  /** Milliseconds of the first overview, and of the later ones. */
  readonly firstMs: number
  readonly overviewMs: { readonly p50: number; readonly max: number }
  /** The longest turn of a Master's event loop during the first overview, and during all later reads. */
  readonly firstTurn: Turn
  readonly laterTurn: Turn
  readonly open: number
  /** Processor time of the Master for the open pages, percent of one core. */
  readonly openPercent: number
  /** The longest turn with them. */
  readonly openTurnMs: number
}

/** How long the loop was held. On a busy machine only the processor time says what of it is the Master's. */
interface Turn {
  readonly wallMs: number
  readonly processorMs: number
}

interface Told {
  readonly port: number
  /** Since it was asked to watch. */
  readonly longest: Turn
  /** Since it was asked last. */
  readonly turnMs: number
  readonly cpuMs: number
}

type Ask = (what: 'tell' | 'watch') => Promise<Told>

/** A Master in a process of its own. */
async function withServer<T>(work: (port: number, ask: Ask) => Promise<T>): Promise<T> {
  const child = fork(fileURLToPath(import.meta.url), ['serve'], { execArgv: ['--expose-gc'] })
  const told = async (): Promise<Told> => ((await once(child, 'message')) as [Told])[0]
  try {
    const { port } = await told()
    return await work(port, (what) => {
      child.send(what)
      return told()
    })
  } finally {
    child.kill()
  }
}

interface First {
  readonly ms: number
  readonly longest: Turn
}

async function first(port: number, ask: Ask): Promise<First> {
  await ask('watch')
  const ms = await timed(port, '/')
  return { ms, longest: (await ask('tell')).longest }
}

export async function benchPages(): Promise<PagesResult> {
  const firsts: First[] = []
  for (let count = 1; count < MASTERS; count++) firsts.push(await withServer(first))
  return withServer(async (port, ask) => {
    firsts.push(await first(port, ask))
    const times: number[] = []
    const turns: Turn[] = []
    const watched = async (path: string): Promise<number> => {
      await ask('watch')
      const ms = await timed(port, path)
      turns.push((await ask('tell')).longest)
      return ms
    }
    for (let count = 0; count < READS; count++) {
      times.push(await watched('/'))
      for (const path of ['/workers?page=7', '/applications?page=150', '/applications?q=report', '/drivers'])
        await watched(path)
      await delay(50)
    }
    const streams = await Promise.all(Array.from({ length: OPEN }, (_, number) => opened(port, number)))
    await ask('tell')
    await delay(MEASURED_MS)
    const open = await ask('tell')
    for (const stream of streams) stream.destroy()
    return {
      workers: WORKERS,
      ended: ENDED,
      masters: MASTERS,
      firstMs: median(firsts.map(({ ms }) => ms)),
      overviewMs: { p50: percentile(times, 50), max: Math.max(...times) },
      firstTurn: {
        wallMs: median(firsts.map(({ longest }) => longest.wallMs)),
        processorMs: median(firsts.map(({ longest }) => longest.processorMs)),
      },
      laterTurn: {
        wallMs: Math.max(...turns.map(({ wallMs }) => wallMs)),
        processorMs: Math.max(...turns.map(({ processorMs }) => processorMs)),
      },
      open: streams.length,
      openPercent: (100 * open.cpuMs) / MEASURED_MS,
      openTurnMs: open.turnMs,
    }
  })
}

const median = (values: readonly number[]): number => percentile(values, 50)

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

/** Looks at the clock once in each turn of the event loop, which does not wait meanwhile. */
class LongestTurn implements Turn {
  wallMs = 0
  processorMs = 0
  #isWatching = false

  start(): void {
    this.wallMs = 0
    this.processorMs = 0
    this.#isWatching = true
    this.#watch()
  }

  stop(): void {
    this.#isWatching = false
  }

  #watch(): void {
    const fromMs = performance.now()
    const from = process.cpuUsage()
    setImmediate(() => {
      if (!this.#isWatching) return
      this.wallMs = Math.max(this.wallMs, performance.now() - fromMs)
      const { user, system } = process.cpuUsage(from)
      this.processorMs = Math.max(this.processorMs, (user + system) / 1000)
      this.#watch()
    })
  }
}

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
  const longest = new LongestTurn()
  // The set-up made in a moment what a Master collects over hours.
  globalThis.gc?.()
  const turns = monitorEventLoopDelay({ resolution: 1 })
  turns.enable()
  let cpu = process.cpuUsage()
  const tell = (): void => {
    longest.stop()
    const { user, system } = process.cpuUsage(cpu)
    const told: Told = {
      port: server.port,
      longest: { wallMs: longest.wallMs, processorMs: longest.processorMs },
      turnMs: turns.max / 1e6,
      cpuMs: (user + system) / 1000,
    }
    process.send?.(told)
    turns.reset()
    cpu = process.cpuUsage()
  }
  process.on('message', (what) => {
    tell()
    if (what === 'watch') longest.start()
  })
  process.on('disconnect', () => process.exit())
  tell()
}

if (process.argv[2] === 'serve') await serve()
