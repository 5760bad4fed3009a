import { limits } from '../../runtime/limits.js'
import type { TimerSource } from '../../runtime/system/timers.js'
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
  drain(drained: Promise<void>, timers: TimerSource): Promise<void> {
    return new Promise((resolve) => {
      const cancel = timers.after(limits.handOverDrainMs, resolve)
      void drained.then(() => {
        cancel()
        resolve()
      })
    })
  }

  /** Once the leadership is given up and its lock is free. */
  *goodbyes(): Generator<readonly [to: string, message: FromMaster]> {
    const { chosen } = this
    if (!chosen?.address) return
    yield [chosen.incarnation, { type: 'HandOver' }]
    for (const { incarnation } of this.#others) yield [incarnation, { type: 'Released', to: chosen.address }]
  }
}
