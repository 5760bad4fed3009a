import { setTimeout as delay } from 'node:timers/promises'
import type { RedisServer } from '../../harness/redis-server.js'
import { waitUntil } from '../../harness/wait-until.js'
import { between, pick, type Random } from '../draw.js'
import { SmallDisk } from '../small-disk.js'
import type { SoakContext } from '../soak-context.js'
import { type Blow, type Fault, seconds } from './fault.js'

const PROMOTION_MS = 30_000
/** Less memory than an empty Redis takes. */
const FULL = '500kb'

function outage(
  { servers }: SoakContext,
  what: string,
  holdMs: number,
  undo: () => unknown = () => undefined,
): Blow {
  return {
    what: holdMs > 0 ? `${what} for ${seconds(holdMs)}` : what,
    holdMs,
    async heal() {
      await undo()
      await servers.settle()
    },
    executorsDie: false,
  }
}

/** Shorter than the lease, or longer. */
const outageMs = (random: Random, leaseMs: number): number => between(random, 0, 2.5) * leaseMs

const killed: Fault = {
  name: 'store-killed',
  async strike(context, random) {
    const primary = await context.servers.primary()
    await primary.kill()
    return outage(context, 'kill -9 of the store', outageMs(random, context.shape.leaseMs))
  },
}

const frozen: Fault = {
  name: 'store-frozen',
  async strike(context, random) {
    const primary = await context.servers.primary()
    primary.freeze()
    const holdMs = outageMs(random, context.shape.leaseMs)
    return outage(context, 'SIGSTOP of the store', holdMs, () => primary.thaw())
  },
}

const full: Fault = {
  name: 'store-full',
  async strike(context, random) {
    const primary = await context.servers.primary()
    await primary.cli('CONFIG', 'SET', 'maxmemory', FULL)
    const holdMs = between(random, 0.5, 2) * context.shape.leaseMs
    return outage(context, 'the store out of memory', holdMs, () =>
      primary.cli('CONFIG', 'SET', 'maxmemory', '0'),
    )
  },
}

const lostTail: Fault = {
  name: 'store-lost-writes',
  fits: ({ store }) => store === 'sentinel',
  async strike(context, random) {
    const { servers } = context
    const [primary, replica] = [await servers.primary(), await servers.replica()]
    await servers.cutReplication()
    const tailMs = between(random, 200, 1500)
    await delay(tailMs)
    await primary.kill()
    await waitUntil(
      'the replica to be promoted',
      async () => (await servers.sentinels!.primaryPort()) === replica.port,
      { deadlineMs: PROMOTION_MS, everyMs: 100 },
    )
    return outage(context, `Sentinel promoted a replica that misses the last ${seconds(tailMs)}`, 0)
  },
}

function onLocks(
  name: 'lock-killed' | 'lock-frozen',
  how: string,
  begin: (lock: RedisServer) => unknown,
  end: (lock: RedisServer) => unknown,
): Fault {
  return {
    name,
    fits: ({ locks }) => locks > 0,
    async strike(context, random) {
      const { locks } = context.servers
      // Mostly one server. That must change nothing.
      const count = random() < 0.7 ? 1 : 2
      const first = pick(random, locks)
      const chosen = [first, ...locks.filter((lock) => lock !== first)].slice(0, count)
      for (const lock of chosen) await begin(lock)
      const holdMs = between(random, 0.5, 3) * context.shape.leaseMs
      return outage(context, `${how} of ${count} of ${locks.length} lock servers`, holdMs, async () => {
        for (const lock of chosen) await end(lock)
      })
    },
  }
}

const diskFull: Fault = {
  name: 'disk-full',
  fits: ({ store }) => store === 'server',
  async strike(context, random) {
    const { disk } = context.servers
    if (!(disk instanceof SmallDisk)) return disk
    await disk.fill()
    const holdMs = between(random, 0.5, 2) * context.shape.leaseMs
    return outage(context, 'the disk of the store full', holdMs, () => disk.free())
  },
}

export const storeFaults: readonly Fault[] = [
  killed,
  frozen,
  full,
  lostTail,
  onLocks(
    'lock-killed',
    'kill -9',
    (lock) => lock.kill(),
    (lock) => lock.restart(),
  ),
  onLocks(
    'lock-frozen',
    'SIGSTOP',
    (lock) => lock.freeze(),
    (lock) => lock.thaw(),
  ),
  diskFull,
]
