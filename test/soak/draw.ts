import { createHash } from 'node:crypto'
import { seededRandom } from '../tools/load/statistics.js'

/** The cluster of some rounds. */
export interface Shape {
  /** A single server, or a primary with one replica under three Sentinels. */
  readonly store: 'server' | 'sentinel'
  /** Lock servers; 0: the data store holds the lock. */
  readonly locks: 0 | 3
  readonly workers: 2 | 3
  readonly leaseMs: 1000 | 1500 | 2500
}

export type Random = () => number

/** Random numbers of one purpose: what one draws does not shift what another does. */
export function randomFor(seed: number, purpose: 'shape' | 'fault' | 'jobs', number: number): Random {
  const hash = createHash('sha256').update(`${seed}/${purpose}/${number}`).digest()
  return seededRandom(hash.readUInt32LE())
}

export const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]!

export const between = (random: Random, least: number, most: number): number =>
  least + random() * (most - least)

export function drawShape(seed: number, number: number): Shape {
  const random = randomFor(seed, 'shape', number)
  return {
    store: pick(random, ['server', 'sentinel'] as const),
    // Three of four: a lock of its own is the harder case.
    locks: pick(random, [3, 3, 3, 0] as const),
    workers: pick(random, [2, 3] as const),
    leaseMs: pick(random, [1000, 1500, 2500] as const),
  }
}

/**
 * At least four leases; and a leader that is cut from its Workers without a word must hand over before it calls them
 * dead: 5 s until their links are dead, two leases, and some time for a busy machine.
 */
export const workerTimeoutMs = ({ leaseMs }: Pick<Shape, 'leaseMs'>): number => 6000 + 3 * leaseMs

export const shapeText = ({ store, locks, workers, leaseMs }: Shape): string => {
  const data = store === 'server' ? 'one Redis' : 'Redis with Sentinel and a replica'
  const lock = locks === 0 ? 'lock in it' : `${locks} lock servers`
  return `${data}, ${lock}, 3 Masters, ${workers} Workers, lease ${leaseMs} ms`
}
