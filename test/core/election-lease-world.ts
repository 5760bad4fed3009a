import { ElectionCore } from '../../actors/election/election-core.js'
import type { ElectionEffect, ElectionInput, ElectionTimer } from '../../actors/election/election-events.js'
import { Hearsay } from '../../actors/election/hearsay.js'
import type { ElectOutcome, LeaderRecord } from '../../runtime/persistence/engine.js'
import { ownFormats } from '../../runtime/persistence/store-format.js'

/*
 * Agents, one store and one lock server in true time, which none of them can read: each has a clock of its
 * own rate. Only what the lease is about: no Masters, no links, no commits.
 */

export interface Fate {
  /** Of the way there and of the way back. */
  readonly delaysMs: readonly [number, number]
  /** Lost: before it was done, or its answer. */
  readonly lost: 'no' | 'request' | 'answer'
}

export interface Stall {
  readonly agent: number
  readonly atMs: number
  readonly ms: number
}

export interface LeaseWorldOptions {
  readonly leaseMs: number
  /** Rate of each agent's clock, and of the lock server's. */
  readonly rates: readonly number[]
  readonly serverRate: number
  readonly stalls: readonly Stall[]
  readonly fate: () => Fate
  /** In [0, 1). */
  readonly random: () => number
  /**
   * After this part of the lease a request without an answer is given up; default a quarter, as the store's
   * client does.
   */
  readonly patience?: number
}

export class LeaseAgent {
  readonly index: number
  readonly rate: number
  readonly timers = new Map<ElectionTimer, number>()
  readonly told: string[] = []
  core: ElectionCore
  stalledUntilMs = 0
  /** True time at which the newest confirmation of this leadership was sent. */
  confirmedMs = Number.NaN
  /** Touches that have not been answered. */
  touching = 0
  lastAsked = ''
  /** Touches that were answered OK, and what was asked of the lock while leading. */
  confirmations = 0
  lockAsks = 0
  /** What it asked for in the step that ended its leadership, behind the end. */
  readonly afterEnd: string[] = []
  readonly hearsay = new Hearsay()
  readonly #leaseMs: number
  #life = 0

  constructor(index: number, leaseMs: number, rate: number) {
    this.index = index
    this.rate = rate
    this.#leaseMs = leaseMs
    this.core = this.#newCore()
  }

  get owner(): string {
    return `m${this.index}-${this.#life}`
  }

  /** A fresh STANDBY in the place of a deposed leader (protocol 6). */
  renew(): void {
    this.timers.clear()
    this.confirmedMs = Number.NaN
    this.touching = 0
    this.confirmations = 0
    this.lockAsks = 0
    this.core = this.#newCore()
  }

  #newCore(): ElectionCore {
    this.#life++
    return new ElectionCore({
      owner: this.owner,
      address: `firesteel://h:${this.index + 1}`,
      leaseMs: this.#leaseMs,
      rewindPatienceMs: 3000,
      locked: true,
      formats: ownFormats,
      hearsay: this.hearsay,
      connectedAtMs: -10 * this.#leaseMs,
    })
  }

  localMs(trueMs: number): number {
    return 1000 * (this.index + 1) + trueMs * this.rate
  }

  get leads(): boolean {
    return this.told.at(-1) === 'ElectedLeader'
  }
}

interface Due {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export class LeaseWorld {
  readonly agents: readonly LeaseAgent[]
  /** Called after each event, with the true time. */
  onEvent: () => void = () => {}
  nowMs = 0
  /** True time at which a value of the lock was last set on its server. */
  readonly lockSetMs = new Map<string, number>()
  lock: { readonly value: string; readonly untilMs: number } | undefined
  #record: LeaderRecord | undefined
  #order = 0
  #values = 0
  readonly #options: LeaseWorldOptions
  readonly #due: Due[] = []

  constructor(options: LeaseWorldOptions) {
    this.#options = options
    this.agents = options.rates.map((rate, index) => new LeaseAgent(index, options.leaseMs, rate))
    for (const { agent, atMs, ms } of options.stalls) {
      this.#at(atMs, () => {
        const stalled = this.agents[agent]
        if (stalled) stalled.stalledUntilMs = Math.max(stalled.stalledUntilMs, this.nowMs + ms)
      })
    }
    for (const agent of this.agents) this.#at(0, () => this.#step(agent, agent.core, { kind: 'start' }))
  }

  lockHolder(): string | undefined {
    return this.lock && this.lock.untilMs > this.nowMs ? this.lock.value : undefined
  }

  /** Everything that happens until then. */
  run(untilMs: number): void {
    for (;;) {
      let next: Due | undefined
      for (const due of this.#due) {
        if (!next || due.atMs < next.atMs || (due.atMs === next.atMs && due.order < next.order)) next = due
      }
      if (!next || next.atMs > untilMs) break
      this.#due.splice(this.#due.indexOf(next), 1)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
      this.onEvent()
    }
    this.nowMs = untilMs
  }

  #at(atMs: number, run: () => void): void {
    this.#due.push({ atMs, order: this.#order++, run })
  }

  /** What comes to a stalled process waits for its end. */
  #reach(agent: LeaseAgent, run: () => void): void {
    if (agent.stalledUntilMs > this.nowMs) this.#at(agent.stalledUntilMs, () => this.#reach(agent, run))
    else run()
  }

  /** An answer that comes after its agent has ended says nothing, but a lock that it brings is let go. */
  #step(agent: LeaseAgent, core: ElectionCore, input: ElectionInput): void {
    if (agent.core !== core) {
      if (input.kind === 'acquired' && this.lock?.value === input.value) this.lock = undefined
      return
    }
    const now = { monotonicMs: agent.localMs(this.nowMs), random: this.#options.random() }
    const effects = core.step(input, now)
    let over = false
    for (const effect of effects) {
      if (over) agent.afterEnd.push(effect.kind)
      over ||= effect.kind === 'tellMaster' && effect.message.type === 'RevokedLeadership'
      this.#run(agent, effect)
    }
    if (agent.told.at(-1) !== 'RevokedLeadership') return
    agent.told.push('STANDBY')
    agent.renew()
    this.#at(this.nowMs, () => this.#reach(agent, () => this.#step(agent, agent.core, { kind: 'start' })))
  }

  #run(agent: LeaseAgent, effect: ElectionEffect): void {
    switch (effect.kind) {
      case 'startTimer':
        this.#startTimer(agent, effect.key, effect.ms)
        return
      case 'cancelTimer':
        agent.timers.delete(effect.key)
        return
      case 'tellMaster':
        if (effect.message.type !== 'LeaderRecordSeen') agent.told.push(effect.message.type)
        return
      case 'log':
      case 'resigned':
      case 'unrecoverable':
        return
      default:
        agent.lastAsked = effect.kind
        if (agent.leads && (effect.kind === 'extend' || effect.kind === 'acquire')) agent.lockAsks++
        this.#ask(agent, agent.core, effect)
    }
  }

  #startTimer(agent: LeaseAgent, key: ElectionTimer, ms: number): void {
    const atMs = this.nowMs + ms / agent.rate
    const { core } = agent
    agent.timers.set(key, atMs)
    this.#at(atMs, () =>
      this.#reach(agent, () => {
        if (agent.core !== core || agent.timers.get(key) !== atMs) return
        agent.timers.delete(key)
        this.#step(agent, core, { kind: 'timer', key })
      }),
    )
  }

  /**
   * Runs `work` at the server and brings its answer back; a lost one is known to be lost after a quarter of
   * the lease.
   */
  #ask(agent: LeaseAgent, core: ElectionCore, effect: ElectionEffect): void {
    const { delaysMs, lost } = this.#options.fate()
    const sentMs = this.nowMs
    const sentAtMs = agent.localMs(sentMs)
    const attemptMs = (this.#options.patience ?? 0.25) * (this.#options.leaseMs / agent.rate)
    this.#at(sentMs + delaysMs[0], () => {
      const answer = lost === 'request' ? undefined : this.#serve(agent, effect, sentAtMs)
      const inTime = lost === 'no' && delaysMs[0] + delaysMs[1] < attemptMs
      const atMs = inTime ? this.nowMs + delaysMs[1] : Math.max(this.nowMs, sentMs + attemptMs)
      this.#at(atMs, () => {
        const input = inTime ? answer : this.#unanswered(effect, sentAtMs)
        if (input) this.#reach(agent, () => this.#answered(agent, core, input, sentMs))
      })
    })
    if (effect.kind === 'touch') agent.touching++
  }

  #answered(agent: LeaseAgent, core: ElectionCore, input: ElectionInput, sentMs: number): void {
    if (input.kind === 'touched' && agent.core === core) {
      agent.touching--
      if (input.outcome.kind === 'ok') agent.confirmations++
    }
    const confirms =
      (input.kind === 'elected' && input.outcome.kind === 'elected') ||
      (input.kind === 'touched' && input.outcome.kind === 'ok')
    this.#step(agent, core, input)
    if (confirms && agent.core === core && agent.leads) {
      agent.confirmedMs = Math.max(agent.confirmedMs || 0, sentMs)
    }
  }

  #serve(agent: LeaseAgent, effect: ElectionEffect, sentAtMs: number): ElectionInput | undefined {
    switch (effect.kind) {
      case 'look': {
        const lockRemainingMs = Math.max(0, (this.lock?.untilMs ?? 0) - this.nowMs)
        const { ticket } = effect
        return { kind: 'looked', ticket, record: this.#record, lockRemainingMs, recordCache: undefined }
      }
      case 'acquire': {
        const { ticket } = effect
        if (this.lockHolder() !== undefined) return { kind: 'acquired', ticket, value: undefined }
        const value = `v${++this.#values}-${agent.index}`
        this.#setLock(value)
        return { kind: 'acquired', ticket, value }
      }
      case 'elect':
        return {
          kind: 'elected',
          ticket: effect.ticket,
          outcome: this.#elect(agent, effect.seen, effect.lock),
          sentAtMs,
        }
      case 'touch': {
        const record = this.#record
        const mine = record?.epoch === effect.fence.epoch && record.owner === effect.fence.owner
        const position = { epoch: record?.epoch ?? 0, seq: 0 }
        const outcome = mine
          ? ({ kind: 'ok', position } as const)
          : ({ kind: 'deposed', epoch: record?.epoch ?? 0, owner: record?.owner ?? '' } as const)
        return { kind: 'touched', outcome, sentAtMs }
      }
      case 'extend': {
        const holder = this.lockHolder()
        if (holder !== undefined && holder !== effect.value) return { kind: 'extended', held: false }
        this.#setLock(effect.value)
        return { kind: 'extended', held: true }
      }
      case 'release':
        if (this.lock?.value === effect.value) this.lock = undefined
        return effect.ticket === undefined ? undefined : { kind: 'released', ticket: effect.ticket }
      case 'probe':
        return { kind: 'probed', ticket: effect.ticket, says: 'unknown' }
      case 'countPresence':
        return { kind: 'presence', ticket: effect.ticket, count: undefined }
      default:
        return undefined
    }
  }

  #setLock(value: string): void {
    this.lock = { value, untilMs: this.nowMs + this.#options.leaseMs / this.#options.serverRate }
    this.lockSetMs.set(value, this.nowMs)
  }

  #elect(agent: LeaseAgent, seen: { epoch: number; owner: string } | undefined, lock: string): ElectOutcome {
    const stored = this.#record
    const { owner } = agent
    if (stored?.epoch !== seen?.epoch || stored?.owner !== seen?.owner) {
      return { kind: 'changed', epoch: stored?.epoch ?? 0, owner: stored?.owner ?? '' }
    }
    const base = { epoch: stored?.epoch ?? 0, seq: 0 }
    const epoch = base.epoch + 1
    this.#record = {
      epoch,
      owner,
      address: `firesteel://h:${agent.index + 1}`,
      lock,
      position: { epoch, seq: 0 },
      writeId: `mark-${epoch}`,
      base,
      touchedMs: this.nowMs,
      left: false,
      ownerGone: false,
    }
    return { kind: 'elected', epoch, owner, base, writeId: `mark-${epoch}` }
  }

  #unanswered(effect: ElectionEffect, sentAtMs: number): ElectionInput | undefined {
    switch (effect.kind) {
      case 'look':
        return { kind: 'lookFailed', ticket: effect.ticket, reason: 'no answer', unrecoverable: false }
      case 'acquire':
        return { kind: 'acquired', ticket: effect.ticket, value: undefined, reason: 'no answer' }
      case 'elect':
        return {
          kind: 'elected',
          ticket: effect.ticket,
          outcome: { kind: 'unknown', reason: 'no answer' },
          sentAtMs,
        }
      case 'touch':
        return { kind: 'touched', outcome: { kind: 'unknown', reason: 'no answer' }, sentAtMs }
      case 'extend':
        return { kind: 'extended', held: undefined }
      case 'probe':
        return { kind: 'probed', ticket: effect.ticket, says: 'unknown' }
      case 'countPresence':
        return { kind: 'presence', ticket: effect.ticket, count: undefined }
      case 'release':
        return effect.ticket === undefined ? undefined : { kind: 'released', ticket: effect.ticket }
      default:
        return undefined
    }
  }
}
