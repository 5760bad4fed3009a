import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startRedis } from '../harness/redis-server.js'
import { waitUntil } from '../harness/wait-until.js'
import { ApplicationEndpoint, type Endpoint, type EndpointPlace, WorkerEndpoint } from './endpoints.js'
import {
  cluster,
  type LiveMaster,
  type Place,
  type Store,
  secret,
  specOf,
  startMaster,
} from './live-master.js'

/*
 * Recovery: a Master with many Workers and applications over real sockets is killed with -9. With FILESYSTEM
 * it is started again; with Redis a STANDBY to which they are also linked takes over. The Masters' own events
 * give the times from election to ALIVE, and from election until everybody who answers has answered.
 */

export interface RecoveryResult {
  readonly name: string
  readonly workers: number
  readonly applications: number
  readonly silent: number
  /**
   * From kill -9 to election: a new process, its imports, its ports, the store; over Redis the witnesses and
   * the lock.
   */
  readonly startMs: number
  /** From election to ALIVE. */
  readonly aliveMs: number
  /** From election until every Worker that is not silent is ALIVE and every application has answered. */
  readonly completeMs: number
  /** Workers that could take work at the time of ALIVE. */
  readonly readyWorkers: number
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
  mode: Store['mode'],
  workers: number,
  applications: number,
  silent: number,
): Promise<RecoveryResult> {
  const directory = await mkdtemp(join(tmpdir(), 'firesteel-recovery-'))
  const redis = mode === 'REDIS' ? await startRedis({ appendfsync: 'always' }) : undefined
  const store: Store = redis ? { mode: 'REDIS', redis: redis.url } : { mode: 'FILESYSTEM', directory }
  const endpoints: Endpoint[] = []
  const masters: LiveMaster[] = []
  const start = async (place: Place, observedEpoch: number) => {
    const master = await startMaster(specOf(store, place, observedEpoch))
    masters.push(master)
    return master
  }
  try {
    const first = await start({ name: 'm1', port: 0, web: 0, masters: [] }, 0)
    if (redis) await start({ name: 'm2', port: 0, web: 0, masters: [first.place.address] }, 0)
    const places = masters.map(({ place }): EndpointPlace => {
      return { cluster, secret, host: '127.0.0.1', port: place.port }
    })
    for (let number = 0; number < workers; number++) endpoints.push(new WorkerEndpoint(places, number))
    for (let number = 0; number < applications; number++)
      endpoints.push(new ApplicationEndpoint(places, number))
    const complete = async ({ place }: LiveMaster, expected: number) => {
      const { status, aliveworkers, activeapps } = await stateOf(place.web)
      const answered = activeapps.filter(({ state }) => state !== 'UNKNOWN').length
      if (status === 'ALIVE' && aliveworkers >= expected && answered >= applications) return true
      throw new Error(
        `${status}, ${aliveworkers} Workers ALIVE, ${answered} of ${activeapps.length} applications`,
      )
    }
    await waitUntil('all to register', () => complete(first, workers), { deadlineMs: 60_000, everyMs: 100 })
    // Workers and applications keep links to all Masters. Those of a test that starts 2,000 at once come
    // late.
    await waitUntil('all to be linked', () => endpoints.every(({ isLinked }) => isLinked), {
      deadlineMs: 60_000,
    })
    for (const endpoint of endpoints.slice(0, silent)) endpoint.close()
    if (redis) for (const endpoint of endpoints) endpoint.dialNoMore()
    const killedAtMs = performance.now()
    first.node.signal('SIGKILL')
    await first.node.exited
    const { port, webPort: web } = first.place
    const next = masters[1] ?? (await start({ name: 'm1', port, web, masters: [] }, 1))
    const since = (atMs: number) => Math.round(atMs - next.times.electedAtMs)
    await waitUntil('ALIVE', () => next.times.electedAtMs > killedAtMs && since(next.times.aliveAtMs) > 0, {
      everyMs: 1,
    })
    const { aliveworkers } = await stateOf(next.place.web)
    await waitUntil('all to answer', () => complete(next, workers - silent), {
      deadlineMs: 30_000,
      everyMs: 50,
    })
    const completeMs = since(performance.now())
    return {
      name: `recovery of ${workers} Workers and ${applications} applications, ${mode}, ${silent} silent`,
      workers,
      applications,
      silent,
      startMs: Math.round(next.times.electedAtMs - killedAtMs),
      aliveMs: since(next.times.aliveAtMs),
      completeMs,
      readyWorkers: aliveworkers,
    }
  } finally {
    for (const endpoint of endpoints) endpoint.close()
    await Promise.all(masters.map(({ node }) => node.stop({ graceMs: 5000 })))
    await redis?.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const mode of ['FILESYSTEM', 'REDIS'] as const) {
    console.log(await benchRecovery(mode, 1000, 1000, 0))
    console.log(await benchRecovery(mode, 1000, 1000, 10))
  }
}
