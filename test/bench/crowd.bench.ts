import { fork } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { findCluster } from '../../actors/client/find-cluster.js'
import { MasterClient } from '../../actors/client/master-client.js'
import type { DriverDescription } from '../../actors/messages/common.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { waitUntil } from '../harness/wait-until.js'
import { percentile } from '../tools/load/statistics.js'
import { WorkerEndpoint } from './endpoints.js'
import { type LiveMaster, withMaster } from './live-master.js'

/*
 * A Master with many Workers and waiting drivers, while many clients read its whole state once a second, as
 * `status --watch` does. It must go on leading. How late its event loop is, is measured from outside.
 */

const WORKERS = 1000
const DRIVERS = 30_000
const CLIENTS = 50
const READ_EVERY_MS = 1000
const PROBE_EVERY_MS = 5
const MEASURED_MS = 40_000
const TOGETHER = 200

export interface CrowdResult {
  readonly workers: number
  readonly drivers: number
  readonly clients: number
  /** Whole states that all clients together have read. */
  readonly reads: number
  /** Milliseconds of a small request to the Master: how long its event loop makes others wait. */
  readonly waitMs: { readonly p50: number; readonly p99: number; readonly max: number }
  /** Leaderships that ended meanwhile. */
  readonly elections: number
}

export function benchCrowd(): Promise<CrowdResult> {
  return withMaster(async (master) => {
    const place = {
      cluster: master.cluster,
      secret: master.secret,
      host: '127.0.0.1',
      port: master.place.port,
    }
    const workers = Array.from({ length: WORKERS }, (_, number) => new WorkerEndpoint([place], number))
    try {
      await waitUntil(
        'all Workers to register',
        async () => (await stateOf(master)).aliveworkers === WORKERS,
        {
          deadlineMs: 60_000,
          everyMs: 200,
        },
      )
      await submitAll(master)
      const before = await stateOf(master)
      const clients = fork(fileURLToPath(import.meta.url), ['clients', master.place.address, master.secret])
      const told = once(clients, 'message') as Promise<[{ reads: number }]>
      const waits = await probe(master, MEASURED_MS)
      clients.send('end')
      const [{ reads }] = await told
      clients.disconnect()
      const after = await stateOf(master)
      return {
        workers: WORKERS,
        drivers: before.activedrivers.length,
        clients: CLIENTS,
        reads,
        waitMs: { p50: percentile(waits, 50), p99: percentile(waits, 99), max: Math.max(...waits) },
        elections: after.firesteel.epoch - before.firesteel.epoch,
      }
    } finally {
      for (const worker of workers) worker.close()
    }
  })
}

interface MasterJson {
  readonly aliveworkers: number
  readonly activedrivers: readonly unknown[]
  readonly firesteel: { readonly epoch: number }
}

async function stateOf({ place }: LiveMaster): Promise<MasterJson> {
  return (await (await fetch(`${place.web}/json/`)).json()) as MasterJson
}

const clientOf = (address: string, secret: string): MasterClient =>
  new MasterClient(findCluster({ address, secret, env: {}, cwd: '/' }))

/** None of them fits any Worker. */
async function submitAll({ place, secret }: LiveMaster): Promise<void> {
  const client = clientOf(place.address, secret)
  const description: DriverDescription = {
    ...driverDescription,
    name: 'nightly',
    main: '/srv/app/dist/main.js',
    args: ['--date', '2026-11-28'],
    cwd: '/srv/app',
    cores: 999,
    memoryMib: 64,
    env: { NODE_ENV: 'production' },
  }
  for (let at = 0; at < DRIVERS; at += TOGETHER) {
    await Promise.all(
      Array.from({ length: TOGETHER }, (_, index) =>
        client.request({ type: 'RequestSubmitDriver', key: `driver-${at + index}`, description }),
      ),
    )
  }
  await client.close()
}

/** How long each of many small requests waited. */
async function probe({ place }: LiveMaster, forMs: number): Promise<number[]> {
  const waits: number[] = []
  const endMs = performance.now() + forMs
  for (let nowMs = performance.now(); nowMs < endMs; nowMs = performance.now()) {
    await answerOf(`${place.web}/healthz`)
    waits.push(Math.round((performance.now() - nowMs) * 10) / 10)
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS))
  }
  return waits
}

function answerOf(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(url, (answer) => {
      answer.resume().on('end', resolve)
    })
    asked.on('error', reject).end()
  })
}

/** The clients' own process: reads go on until it is told to end. */
async function readStates(address: string, secret: string): Promise<void> {
  let isOver = false
  let reads = 0
  process.once('message', () => {
    isOver = true
    process.send?.({ reads })
  })
  process.once('disconnect', () => process.exit(0))
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = clientOf(address, secret)
      while (!isOver) {
        await client.request({ type: 'RequestMasterState' })
        reads++
        await new Promise((resolve) => setTimeout(resolve, READ_EVERY_MS))
      }
    }),
  )
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [mode, address, secret] = process.argv.slice(2)
  if (mode === 'clients') await readStates(address!, secret!)
  else console.log(JSON.stringify(await benchCrowd()))
}
