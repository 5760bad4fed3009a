import { setTimeout as delay } from 'node:timers/promises'
import { limits } from '../../runtime/limits.js'
import type { FromMaster } from '../messages/catalogue.js'
import type { Fellow } from './fellows.js'

/** A clean hand-over under way (protocol 13): who takes over, and who holds off meanwhile. */
export class HandOver {
  /** The healthiest STANDBY; undefined: whoever comes. */
  readonly chosen: Fellow | undefined
  readonly #others: readonly Fellow[]

  constructor({ chosen, all }: { chosen: Fellow | undefined; all: readonly Fellow[] }) {
    this.chosen = chosen
    this.#others = all.filter((fellow) => fellow !== chosen)
  }

  /** What has not become durable by then gets NotLeader. */
  async drain(drained: Promise<void>): Promise<void> {
    await Promise.race([drained, delay(limits.handOverDrainMs, undefined, { ref: false })])
  }

  /** Once the leadership is given up and its lock is free. */
  *goodbyes(): Generator<readonly [to: string, message: FromMaster]> {
    const { chosen } = this
    if (!chosen?.address) return
    yield [chosen.incarnation, { type: 'HandOver' }]
    for (const { incarnation } of this.#others) yield [incarnation, { type: 'Released', to: chosen.address }]
  }
}
