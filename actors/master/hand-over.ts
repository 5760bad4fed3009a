import { reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { type TimerSource, within } from '../../runtime/timers.js'
import type { FromMaster, MasterMessage } from '../messages/catalogue.js'
import type { LeaderPulse, StandbyPulse } from '../messages/masters.js'
import type { ClusterState } from './cluster-state.js'
import type { MasterOptions } from './master-options.js'
import { heardOf } from './peer-master-protocol.js'
import type { PeerMaster } from './peer-masters.js'
import { tablesRead } from './read-records.js'
import type { FreeEffect } from './step.js'

interface Successors {
  readonly chosen: PeerMaster | undefined
  readonly all: readonly PeerMaster[]
}

/** What a hand-over sees of the Master core. */
interface LeaderCore {
  readonly cluster: ClusterState | undefined
  peerMasters(): Successors
}

/** Why, for people. `isDemanded`: this Master stops. Else it is the leader's own judgement. */
interface Why {
  readonly reason: string
  readonly isDemanded: boolean
}

/** A hand-over under way (protocol 13): the STANDBY that takes over, and those that wait meanwhile. */
export class HandOver {
  #why: Why
  readonly #options: Pick<MasterOptions, 'gateway' | 'log'>
  readonly #core: LeaderCore
  readonly #timers: TimerSource
  #successors: Successors | undefined
  #isOver = false
  #reader: string | undefined
  #hasRead: () => void = () => {}

  constructor(
    why: Why,
    options: Pick<MasterOptions, 'gateway' | 'log'>,
    core: LeaderCore,
    timers: TimerSource,
  ) {
    this.#why = why
    this.#options = options
    this.#core = core
    this.#timers = timers
  }

  get reason(): string {
    return this.#why.reason
  }

  /** Now it is to happen, also where the leader's own judgement would not go on. */
  demand(reason: string): void {
    this.#why = { reason, isDemanded: true }
  }

  /** The healthiest STANDBY. Undefined: any Master may take over, or this one leads still. */
  get chosen(): PeerMaster | undefined {
    return this.#successors?.chosen
  }

  /** From now on this leader takes nothing new. */
  get isGivingUp(): boolean {
    return this.#successors !== undefined
  }

  /**
   * True: nothing new was taken since, what was taken is durable or was given up, and the leadership is to be
   * given up now. On its own judgement a leader gives it up only to a STANDBY that proves that it reads the
   * store.
   */
  async prepare(drained: () => Promise<void> | undefined): Promise<boolean> {
    await this.#readAhead()
    if (this.#isOver) return false
    const successors = this.#core.peerMasters()
    if (!this.#why.isDemanded && !successors.chosen?.isProven) return false
    this.#successors = successors
    this.#options.log.info(`hands over: ${this.reason}`, { to: this.chosen?.address })
    await within(drained() ?? Promise.resolve(), limits.handOverDrainMs, this.#timers)
    return true
  }

  /**
   * Resolves when the successor has read all records, while this Master leads on. A Master of another release
   * may never say that it has.
   */
  async #readAhead(): Promise<void> {
    const { chosen } = this.#core.peerMasters()
    if (!chosen) return
    this.#reader = chosen.incarnation
    const hasRead = new Promise<void>((resolve) => {
      this.#hasRead = resolve
    })
    this.#options.gateway.send(chosen.incarnation, askToReadAhead(this.#core.cluster))
    await within(hasRead, limits.handOverReadAheadMs, this.#timers)
  }

  heard(from: string, message: MasterMessage): void {
    if (from === this.#reader && message.type === 'StandbyPulse' && message.hasReadAhead) this.#hasRead()
  }

  linkDown(incarnation: string): void {
    if (incarnation === this.#reader) this.#hasRead()
  }

  /** The leadership is over. If it was given up, its lock is free, and the other Masters hear so. */
  revoked(): void {
    this.#isOver = true
    for (const [to, message] of this.#goodbyes()) this.#options.gateway.send(to, message)
  }

  *#goodbyes(): Generator<readonly [to: string, message: FromMaster]> {
    const { chosen, all = [] } = this.#successors ?? {}
    if (!chosen?.address) return
    yield [chosen.incarnation, { type: 'HandOver' }]
    for (const { incarnation } of all)
      if (incarnation !== chosen.incarnation) yield [incarnation, { type: 'Released', to: chosen.address }]
  }
}

function askToReadAhead(cluster: ClusterState | undefined): LeaderPulse {
  const { workers, workersHeard } = cluster ? heardOf(cluster) : { workers: 0, workersHeard: 0 }
  return { type: 'LeaderPulse', workers, workersHeard, handsOver: true }
}

/** A STANDBY reads ahead. However often it is asked, it reads once at a time. */
export class ReadAhead {
  readonly #options: Pick<MasterOptions, 'engine' | 'log'>
  readonly #send: (to: string, answer: StandbyPulse) => void
  #isReading = false

  constructor(
    options: Pick<MasterOptions, 'engine' | 'log'>,
    send: (to: string, answer: StandbyPulse) => void,
  ) {
    this.#options = options
    this.#send = send
  }

  async run({ leader, answer }: Extract<FreeEffect, { kind: 'readAhead' }>): Promise<void> {
    if (this.#isReading) return
    const { engine, log } = this.#options
    this.#isReading = true
    try {
      await engine.readAhead?.(leader, tablesRead)
    } catch (error) {
      // The take-over is slower then, and no worse.
      log.warn('the records could not be read ahead of a hand-over', { reason: reasonOf(error) })
    }
    this.#isReading = false
    this.#send(leader.owner, answer)
  }
}
