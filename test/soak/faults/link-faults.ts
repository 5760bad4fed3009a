import type { NetworkFault } from '../../harness/proxy-pair.js'
import { between, pick, type Random } from '../draw.js'
import { type Blow, type Fault, seconds } from './fault.js'

/** Incarnations of the Workers that dial a Master. */
const WORKERS = /^w\d+-/
/** A link is dead after 5 s of silence. Then the leader waits two leases before it hands over. */
const DEAF_MS = 5000

/** Packets are dropped, or a firewall closes the connections. */
const cuts = [{ kind: 'silent' }, { kind: 'closed' }] as const
const oneWays = [{ kind: 'requests' }, { kind: 'answers' }] as const

const what: Readonly<Record<NetworkFault['kind'], string>> = {
  silent: 'silent both ways',
  closed: 'connections end',
  requests: 'what it says does not arrive',
  answers: 'it is told nothing',
  slow: 'slow',
}

/** Sometimes long enough for an election, sometimes not. */
const cutMs = (random: Random, leaseMs: number): number => between(random, 0.3, 3) * leaseMs

function cutBlow(text: string, holdMs: number, undo: () => unknown): Blow {
  return {
    what: `${text} for ${seconds(holdMs)}`,
    holdMs,
    heal: async () => void undo(),
    executorsDie: false,
  }
}

const cutFromStore: Fault = {
  name: 'leader-cut-from-store',
  async strike(context, random) {
    const leader = await context.leader()
    const fault = pick(random, cuts)
    const undo = context.routes(leader).suffer('data', fault)
    const holdMs = cutMs(random, context.shape.leaseMs)
    return cutBlow(`${leader.name}, the leader, cut from its store (${what[fault.kind]})`, holdMs, undo)
  },
}

const cutFromLocks: Fault = {
  name: 'leader-cut-from-locks',
  fits: ({ locks }) => locks > 0,
  async strike(context, random) {
    const leader = await context.leader()
    const fault = pick(random, cuts)
    const undo = context.routes(leader).suffer('locks', fault)
    const holdMs = cutMs(random, context.shape.leaseMs)
    return cutBlow(
      `${leader.name}, the leader, cut from the lock servers (${what[fault.kind]})`,
      holdMs,
      undo,
    )
  },
}

const cutFromWorkers: Fault = {
  name: 'leader-cut-from-workers',
  async strike(context, random) {
    const leader = await context.leader()
    const listener = context.listener(leader)
    const fault = pick(random, cuts)
    listener.suffer(WORKERS, fault)
    const noticedMs = fault.kind === 'silent' ? DEAF_MS : 0
    const holdMs = noticedMs + between(random, 0.5, 3) * context.shape.leaseMs
    return cutBlow(`${leader.name}, the leader, cut from the Workers (${what[fault.kind]})`, holdMs, () =>
      listener.heal(),
    )
  },
}

const oneWay: Fault = {
  name: 'leader-one-way',
  async strike(context, random) {
    const leader = await context.leader()
    const fault = pick(random, oneWays)
    const isStore = random() < 0.6
    const listener = context.listener(leader)
    const undo = isStore ? context.routes(leader).suffer('data', fault) : () => listener.heal()
    if (!isStore) listener.suffer(WORKERS, fault)
    const holdMs = isStore
      ? cutMs(random, context.shape.leaseMs)
      : DEAF_MS + between(random, 0.5, 3) * context.shape.leaseMs
    const text = isStore
      ? `one way between ${leader.name}, the leader, and its store: ${what[fault.kind]}`
      : `one way between the Workers and ${leader.name}, the leader: ${fault.kind} do not arrive`
    return cutBlow(text, holdMs, undo)
  },
}

const slowStore: Fault = {
  name: 'leader-slow-store',
  async strike(context, random) {
    const leader = await context.leader()
    const delayMs = Math.round(between(random, 10, 400))
    const undo = context.routes(leader).suffer('data', { kind: 'slow', delayMs })
    const holdMs = between(random, 1, 3) * context.shape.leaseMs
    return cutBlow(`${delayMs} ms each way between ${leader.name}, the leader, and its store`, holdMs, undo)
  },
}

const slowLinks: Fault = {
  name: 'worker-slow-links',
  async strike(context, random) {
    const delayMs = Math.round(between(random, 10, 500))
    for (const listener of context.allListeners) listener.suffer(WORKERS, { kind: 'slow', delayMs })
    const holdMs = between(random, 1000, 4000)
    return cutBlow(`${delayMs} ms each way between Workers and Masters`, holdMs, () => {
      for (const listener of context.allListeners) listener.heal()
    })
  },
}

const storeSlow: Fault = {
  name: 'store-slow',
  async strike({ allRoutes, shape }, random) {
    const delayMs = Math.round(between(random, 5, 250))
    const undo = allRoutes.map((routes) => routes.suffer('data', { kind: 'slow', delayMs }))
    const holdMs = between(random, 1, 3) * shape.leaseMs
    return cutBlow(`${delayMs} ms each way between all Masters and the store`, holdMs, () => {
      for (const each of undo) each()
    })
  },
}

export const linkFaults: readonly Fault[] = [
  cutFromStore,
  cutFromLocks,
  cutFromWorkers,
  oneWay,
  slowStore,
  slowLinks,
  storeSlow,
]
