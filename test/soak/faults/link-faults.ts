import type { Trouble } from '../../harness/proxy-pair.js'
import { between, pick, type Random } from '../draw.js'
import { type Blow, type Fault, seconds } from './fault.js'

/** Diallers of a Master's door by their incarnation. */
const WORKERS = /^w\d+-/
/** A link is dead after 5 s of silence, then the leader is deaf for two leases. */
const DEAF_MS = 5000

/** Packets that are dropped, or a firewall that ends connections. */
const cuts = [{ kind: 'silent' }, { kind: 'closed' }] as const
const oneWays = [{ kind: 'requests' }, { kind: 'answers' }] as const

const what: Readonly<Record<Trouble['kind'], string>> = {
  silent: 'silent both ways',
  closed: 'connections end',
  requests: 'what it says does not arrive',
  answers: 'it is told nothing',
  slow: 'slow',
}

/** Long enough for another to be elected, or not. */
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
  async strike(ground, random) {
    const leader = await ground.leader()
    const trouble = pick(random, cuts)
    const undo = ground.routes(leader).suffer('data', trouble)
    const holdMs = cutMs(random, ground.shape.leaseMs)
    return cutBlow(`${leader.name}, the leader, cut from its store (${what[trouble.kind]})`, holdMs, undo)
  },
}

const cutFromLocks: Fault = {
  name: 'leader-cut-from-locks',
  fits: ({ locks }) => locks > 0,
  async strike(ground, random) {
    const leader = await ground.leader()
    const trouble = pick(random, cuts)
    const undo = ground.routes(leader).suffer('locks', trouble)
    const holdMs = cutMs(random, ground.shape.leaseMs)
    return cutBlow(
      `${leader.name}, the leader, cut from the lock servers (${what[trouble.kind]})`,
      holdMs,
      undo,
    )
  },
}

const cutFromWorkers: Fault = {
  name: 'leader-cut-from-workers',
  async strike(ground, random) {
    const leader = await ground.leader()
    const door = ground.door(leader)
    const trouble = pick(random, cuts)
    door.suffer(WORKERS, trouble)
    const noticedMs = trouble.kind === 'silent' ? DEAF_MS : 0
    const holdMs = noticedMs + between(random, 0.5, 3) * ground.shape.leaseMs
    return cutBlow(`${leader.name}, the leader, cut from the Workers (${what[trouble.kind]})`, holdMs, () =>
      door.heal(),
    )
  },
}

const oneWay: Fault = {
  name: 'leader-one-way',
  async strike(ground, random) {
    const leader = await ground.leader()
    const trouble = pick(random, oneWays)
    const isStore = random() < 0.6
    const door = ground.door(leader)
    const undo = isStore ? ground.routes(leader).suffer('data', trouble) : () => door.heal()
    if (!isStore) door.suffer(WORKERS, trouble)
    const holdMs = isStore
      ? cutMs(random, ground.shape.leaseMs)
      : DEAF_MS + between(random, 0.5, 3) * ground.shape.leaseMs
    const text = isStore
      ? `one way between ${leader.name}, the leader, and its store: ${what[trouble.kind]}`
      : `one way between the Workers and ${leader.name}, the leader: ${trouble.kind} do not arrive`
    return cutBlow(text, holdMs, undo)
  },
}

const slowStore: Fault = {
  name: 'leader-slow-store',
  async strike(ground, random) {
    const leader = await ground.leader()
    const delayMs = Math.round(between(random, 10, 400))
    const undo = ground.routes(leader).suffer('data', { kind: 'slow', delayMs })
    const holdMs = between(random, 1, 3) * ground.shape.leaseMs
    return cutBlow(`${delayMs} ms each way between ${leader.name}, the leader, and its store`, holdMs, undo)
  },
}

const slowLinks: Fault = {
  name: 'worker-slow-links',
  async strike(ground, random) {
    const delayMs = Math.round(between(random, 10, 500))
    for (const door of ground.allDoors) door.suffer(WORKERS, { kind: 'slow', delayMs })
    const holdMs = between(random, 1000, 4000)
    return cutBlow(`${delayMs} ms each way between Workers and Masters`, holdMs, () => {
      for (const door of ground.allDoors) door.heal()
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
