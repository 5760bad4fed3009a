import type { Position } from '../../runtime/persistence/engine.js'
import type { AgentMessage } from '../messages/election.js'
import { Candidacy } from './candidacy.js'
import type { ElectionConfig, ElectionEffect, ElectionInput, ElectionNow } from './election-events.js'
import { TENURE_TICKET, Tenure } from './tenure.js'

/**
 * The pure core of the LeaderElectionAgent: a candidacy, then at most one tenure, then nothing more. A new
 * STANDBY is a new incarnation with a new agent (protocol 1, 6).
 */
export class ElectionCore {
  readonly #config: ElectionConfig
  readonly #candidacy: Candidacy
  #tenure: Tenure | undefined
  #over = false
  #effects: ElectionEffect[] = []

  constructor(config: ElectionConfig) {
    this.#config = config
    this.#candidacy = new Candidacy(config, (effect) => void this.#effects.push(effect))
  }

  /** Value of the lock while this Master leads; '' without a lock. */
  get lock(): string {
    return this.#tenure?.lock ?? ''
  }

  /** The lock in the leader record of this owner, as this candidate read it last; '' if it has not. */
  lockOf(owner: string): string {
    return this.#candidacy.lockOf(owner)
  }

  /** The highest observed position, for the next incarnation. */
  get observed(): Position {
    return this.#config.hearsay.observed
  }

  /**
   * False once the deadline has passed, because a leader that was suspended must not act, whatever its timers
   * did.
   */
  mayAct(nowMs: number): boolean {
    return this.#tenure !== undefined && !this.#over && nowMs < this.#tenure.deadlineMs
  }

  step(input: ElectionInput, now: ElectionNow): ElectionEffect[] {
    this.#effects = []
    if (this.#over) this.#afterwards(input)
    else if (this.#tenure) this.#leading(this.#tenure, input, now)
    else this.#standingBy(input, now)
    return this.#effects
  }

  #standingBy(input: ElectionInput, now: ElectionNow): void {
    const candidacy = this.#candidacy
    switch (input.kind) {
      case 'start':
        candidacy.start()
        return
      case 'timer':
        if (input.key !== 'renew' && input.key !== 'deadline') candidacy.timer(input.key, now)
        return
      case 'message':
        this.#standbyReceives(input.message, now)
        return
      case 'reconnected':
        candidacy.reconnected(now)
        return
      case 'looked':
        if (input.recordCache) this.#config.hearsay.know(input.recordCache)
        candidacy.looked(input, now)
        return
      case 'lookFailed':
        candidacy.lookFailed(input.ticket, input.reason, input.unrecoverable, now)
        return
      case 'probed':
        candidacy.probed(input.ticket, input.says, now)
        return
      case 'presence':
        candidacy.presence(input.ticket, input.count, now)
        return
      case 'released':
        candidacy.released(input.ticket)
        return
      case 'acquired':
        candidacy.acquired(input.ticket, input.value, input.reason, now)
        return
      case 'elected':
        this.#elected(input, now)
        return
      case 'touched':
      case 'extended':
      case 'left':
        return
    }
  }

  #standbyReceives(message: AgentMessage, now: ElectionNow): void {
    switch (message.type) {
      case 'PositionHeard':
        this.#observe(message.position)
        return
      case 'LeadershipClaimed':
        this.#observe({ epoch: message.epoch, seq: 0 })
        this.#candidacy.claimed(now)
        return
      case 'LeadershipLost':
        this.#know(message.observedEpoch)
        return
      case 'MasterLinkClosed':
        this.#candidacy.linkClosed(message.incarnation)
        return
      case 'TakeOver':
        this.#candidacy.takeOver()
        return
      case 'HoldOff':
        this.#candidacy.holdOff(message.ms, now)
        return
      case 'ResignLeadership':
        this.#over = true
        this.#candidacy.end()
        this.#effects.push({ kind: 'resigned' })
        return
      case 'LeadershipConfirmed':
      case 'FormatRaised':
        return
    }
  }

  #elected(input: Extract<ElectionInput, { kind: 'elected' }>, now: ElectionNow): void {
    const won = this.#candidacy.elected(input, now)
    if (!won) return
    const { elected, lock, sentAtMs } = won
    const { leaseMs, locked } = this.#config
    const emit = (effect: ElectionEffect): void => void this.#effects.push(effect)
    this.#tenure = new Tenure(elected, lock, sentAtMs, { leaseMs, locked, emit })
    this.#tenure.armDeadline(now.monotonicMs)
    const { epoch, owner, base, writeId } = elected
    const { earlier, format } = won
    const { observed } = this
    this.#config.hearsay.know({ epoch, seq: base.seq })
    this.#config.hearsay.format = format
    emit({
      kind: 'tellMaster',
      message: { type: 'ElectedLeader', epoch, owner, base, earlier, writeId, observed, format },
    })
  }

  #leading(tenure: Tenure, input: ElectionInput, now: ElectionNow): void {
    if (now.monotonicMs >= tenure.deadlineMs) {
      // The leader ends without asking: a leader that was not confirmed for a lease may be deposed already.
      this.#revoke(tenure, 'the lease ran out')
      this.#afterwards(input)
      return
    }
    switch (input.kind) {
      case 'timer':
        if (input.key === 'renew') tenure.renew(now.monotonicMs)
        else if (input.key === 'deadline') tenure.armDeadline(now.monotonicMs)
        return
      case 'message':
        this.#leaderReceives(tenure, input.message, now)
        return
      case 'touched': {
        if (input.outcome.kind === 'deposed') this.#know(input.outcome.epoch)
        const end = tenure.touched(input.outcome, input.sentAtMs)
        if (end !== undefined) this.#revoke(tenure, end)
        else tenure.armDeadline(now.monotonicMs)
        return
      }
      case 'extended':
        tenure.extended(input.held)
        return
      case 'acquired':
        if (input.ticket === TENURE_TICKET) tenure.acquired(input.value)
        else if (input.value !== undefined) this.#effects.push({ kind: 'release', value: input.value })
        return
      case 'left':
        // A successor that reads the record need not wait for the lock, which is free before it asks for it.
        if (tenure.left() || input.isRecorded) this.#revoke(tenure, 'resigned')
        return
      case 'released':
        if (tenure.leaving && input.ticket === TENURE_TICKET) this.#revoke(tenure, 'resigned')
        return
      default:
        return
    }
  }

  #leaderReceives(tenure: Tenure, message: AgentMessage, now: ElectionNow): void {
    switch (message.type) {
      case 'LeadershipConfirmed':
        tenure.confirmed(message.sentAtMs)
        return
      case 'LeadershipLost':
        this.#know(message.observedEpoch)
        this.#revoke(tenure, message.reason)
        return
      case 'LeadershipClaimed':
        this.#claimed(tenure, message.epoch, now.monotonicMs)
        return
      case 'FormatRaised':
        this.#config.hearsay.format = message.format
        return
      case 'PositionHeard':
        this.#observe(message.position)
        return
      case 'ResignLeadership':
        tenure.leave()
        return
      case 'MasterLinkClosed':
      case 'TakeOver':
      case 'HoldOff':
        return
    }
  }

  /**
   * Handles late inputs: an answer may hold a lock, and a message may name an epoch that the next must
   * exceed.
   */
  #afterwards(input: ElectionInput): void {
    if (input.kind === 'acquired' && input.value !== undefined) {
      this.#effects.push({ kind: 'release', value: input.value })
      return
    }
    if (input.kind !== 'message') return
    const { message } = input
    if (message.type === 'PositionHeard') this.#observe(message.position)
    else if (message.type === 'LeadershipLost') this.#know(message.observedEpoch)
    else if (message.type === 'ResignLeadership') this.#effects.push({ kind: 'resigned' })
  }

  #revoke(tenure: Tenure, reason: string): void {
    this.#over = true
    for (const key of ['renew', 'deadline'] as const) this.#effects.push({ kind: 'cancelTimer', key })
    this.#effects.push({ kind: 'tellMaster', message: { type: 'RevokedLeadership', reason } })
    if (tenure.lock !== '') this.#effects.push({ kind: 'release', value: tenure.lock })
    if (tenure.leaving) this.#effects.push({ kind: 'resigned' })
  }

  /**
   * A peer claims to have obeyed another leadership. A store that fell back before this election cannot know
   * of it. So a young leadership believes the claim and ends, so that the next one gets a higher epoch; but
   * not again and again. An older leadership only asks the store, which alone can end it.
   */
  #claimed(tenure: Tenure, epoch: number, nowMs: number): void {
    const { hearsay } = this.#config
    const isBelieved = this.#candidacy.observe({ epoch, seq: 0 })
    if (!isBelieved || !tenure.isYoung(nowMs) || !hearsay.isWorthSteppingDown(nowMs)) {
      tenure.claimed(nowMs)
      return
    }
    hearsay.steppedDown(nowMs)
    this.#revoke(tenure, `a peer has obeyed epoch ${epoch}, which the store may have forgotten`)
  }

  /** Notes an epoch from the store, or from a Master at an address of the Master list. */
  #know(epoch: number): void {
    this.#config.hearsay.know({ epoch, seq: 0 })
  }

  #observe(position: Position): void {
    this.#candidacy.observe(position)
  }
}
