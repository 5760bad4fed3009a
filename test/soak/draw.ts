import { createHash } from 'node:crypto'
import { seededRandom } from '../tools/load/statistics.js'

/** The kind of cluster for some rounds. */
export interface Shape {
  /** A single server, or a primary with one replica under three Sentinels. */
  readonly store: 'server' | 'sentinel'
  /** The number of lock servers. 0: the data store holds the lock. */
  readonly locks: 0 | 3
  readonly workers: 2 | 3
  readonly leaseMs: 1000 | 1500 | 2500
}

export type Random = () => number

/** Random numbers for one purpose. Draws for one purpose do not change those for another. */
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
    // Three of four have lock servers of their own, which is the harder case.
    locks: pick(random, [3, 3, 3, 0] as const),
    workers: pick(random, [2, 3] as const),
    leaseMs: pick(random, [1000, 1500, 2500] as const),
  }
}

/**
 * At least four leases. A leader that is silently cut off from its Workers must hand over before it declares
 * them dead. That takes 5 s until their links are dead, two leases, and some time on a busy machine.
 */
export const workerTimeoutMs = ({ leaseMs }: Pick<Shape, 'leaseMs'>): number => 6000 + 3 * leaseMs

export const shapeText = ({ store, locks, workers, leaseMs }: Shape): string => {
  const data = store === 'server' ? 'one Redis' : 'Redis with Sentinel and a replica'
  const lock = locks === 0 ? 'lock in it' : `${locks} lock servers`
  return `${data}, ${lock}, 3 Masters, ${workers} Workers, lease ${leaseMs} ms`
}
