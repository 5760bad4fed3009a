import { limits } from '../../runtime/limits.js'
import { type TimerSource, within } from '../../runtime/timers.js'
import type { FromMaster } from '../messages/catalogue.js'
import type { PeerMaster } from './peer-masters.js'

/** A hand-over under way (protocol 13): the STANDBY that takes over, and those that wait meanwhile. */
export class HandOver {
  /** Why, for people. */
  readonly reason: string
  /** The healthiest STANDBY; undefined: any Master may take over. */
  readonly chosen: PeerMaster | undefined
  readonly #others: readonly PeerMaster[]

  constructor(
    reason: string,
    { chosen, all }: { chosen: PeerMaster | undefined; all: readonly PeerMaster[] },
  ) {
    this.reason = reason
    this.chosen = chosen
    this.#others = all.filter((peerMaster) => peerMaster !== chosen)
  }

  /** What has not become durable by then gets NotLeader. */
  drain(drained: Promise<void>, timers: TimerSource): Promise<void> {
    return within(drained, limits.handOverDrainMs, timers)
  }

  /** The messages to send once the leadership is given up and its lock is free. */
  *goodbyes(): Generator<readonly [to: string, message: FromMaster]> {
    const { chosen } = this
    if (!chosen?.address) return
    yield [chosen.incarnation, { type: 'HandOver' }]
    for (const { incarnation } of this.#others) yield [incarnation, { type: 'Released', to: chosen.address }]
  }
}
