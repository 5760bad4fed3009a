import { limits } from '../../runtime/limits.js'
import {
  comparePositions,
  type Elected,
  type Fence,
  type LeaderRecord,
  type PastElection,
  type Position,
} from '../../runtime/persistence/engine.js'
import { Staleness } from '../../runtime/persistence/staleness.js'
import { formatOfEmpty } from '../../runtime/persistence/store-format.js'
import type { ElectionConfig, ElectionEffect, ElectionInput, ElectionNow } from './election-events.js'
import type { Hearsay } from './hearsay.js'
import { attemptBackoffMs, attemptMs } from './lease.js'

type Looked = Extract<ElectionInput, { kind: 'looked' }>
const candidacyTimers = ['campaign', 'claim', 'witness', 'probe', 'attempt'] as const
type CandidacyTimer = (typeof candidacyTimers)[number]
type Phase = 'looking' | 'waiting' | 'witnessing' | 'releasing' | 'acquiring' | 'electing' | 'over'

/** The death check of one owner: what its witnesses have shown so far (protocol 5.5). */
interface DeathCheck {
  readonly record: LeaderRecord
  /** Witness 1: the kernel closed its link, or the record names the address that is ours now. */
  readonly linkClosed: boolean
  readonly untilMs: number
  probedGone: boolean
  absent: boolean
}

export interface Won {
  readonly elected: Elected
  readonly earlier: readonly PastElection[]
  readonly format: number
  readonly lock: string
  readonly sentAtMs: number
}

/**
 * A STANDBY that tries to become the leader (protocol 5), pure. It reads the leader record and the lock,
 * waits, asks witnesses, acquires the lock, elects. The waits only avoid duels: `elect` compares what was
 * read before the lock was asked for.
 */
export class Candidacy {
  readonly #config: ElectionConfig
  readonly #emit: (effect: ElectionEffect) => void
  readonly #staleness: Staleness
  #phase: Phase = 'waiting'
  #ticket = 0
  /** That it asked to be elected with. */
  #format = 0
  #seen: LeaderRecord | undefined
  readonly #hearsay: Hearsay
  #observedAtLook: Position
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #claimTimer = false
  #loggedUnbelievable = false
  /** Owners whose link the kernel has closed. */
  readonly #closed = new Set<string>()
  /**
   * `gone`: owners that witnesses 2 and 3 proved dead. `alive`: owners for which one of them showed the
   * opposite.
   */
  readonly #gone = new Set<string>()
  readonly #alive = new Set<string>()
  #deathCheck: DeathCheck | undefined
  #rewoundAtMs: number | undefined
  #told: Fence | undefined
  /** A lock server that came back may have lost the lock, so until then a free lock proves nothing. */
  #distrustUntilMs: number
  #holdOffUntilMs: number
  #lock = ''
  #toldOwner: string | undefined
  #toldFailure = ''

  constructor(config: ElectionConfig, emit: (effect: ElectionEffect) => void) {
    this.#config = config
    this.#emit = emit
    this.#staleness = new Staleness(config.leaseMs)
    this.#hearsay = config.hearsay
    this.#observedAtLook = config.hearsay.observed
    this.#distrustUntilMs = config.connectedAtMs + config.leaseMs
    this.#holdOffUntilMs = config.holdOffUntilMs ?? 0
  }

  start(): void {
    this.#look()
  }

  /** Ends the candidacy: there are no more attempts. */
  end(): void {
    this.#phase = 'over'
    this.#ticket++
    for (const key of candidacyTimers) this.#emit({ kind: 'cancelTimer', key })
    this.#dropLock()
  }

  /** Notes a position that a peer named, also after the end. False: the position is not believed. */
  observe(position: Position): boolean {
    if (this.#hearsay.claim(position)) return true
    if (this.#loggedUnbelievable) return false
    this.#loggedUnbelievable = true
    this.#emit({
      kind: 'log',
      level: 'warn',
      text: 'a peer names an epoch that the store cannot have reached; it is not believed',
      fields: { told: position, known: this.#hearsay.known },
    })
    return false
  }

  /**
   * A peer names another leadership, so the store is read; but not more often, however many peers repeat it.
   */
  claimed(now: ElectionNow): void {
    if (this.#phase !== 'waiting' || this.#claimTimer) return
    const waitMs = this.#lookedAtMs + limits.claimLookMs - now.monotonicMs
    if (waitMs <= 0) {
      this.#lookedAtMs = now.monotonicMs
      this.#look()
      return
    }
    this.#claimTimer = true
    this.#emit({ kind: 'startTimer', key: 'claim', ms: waitMs })
  }

  reconnected(now: ElectionNow): void {
    this.#distrustUntilMs = now.monotonicMs + this.#config.leaseMs
  }

  linkClosed(incarnation: string): void {
    this.#closed.add(incarnation)
    this.#alive.delete(incarnation)
    if (this.#phase === 'waiting' && this.#seen?.owner === incarnation) this.#look()
  }

  /**
   * Takes over now. A look under way is repeated, because it may have read the record before the leader left.
   */
  takeOver(): void {
    this.#holdOffUntilMs = 0
    if (this.#attempting || this.#phase === 'over') return
    this.#endDeathCheck()
    this.#look()
  }

  /**
   * Lets the chosen Master go first. This one looks again after `ms`, because the chosen one may have failed.
   */
  holdOff(ms: number, now: ElectionNow): void {
    this.#holdOffUntilMs = now.monotonicMs + ms
    if (this.#phase === 'waiting') this.#again(ms)
  }

  timer(key: CandidacyTimer, now: ElectionNow): void {
    if (key === 'claim') this.#claimTimer = false
    if ((key === 'campaign' || key === 'claim') && this.#phase === 'waiting') this.#look()
    else if (key === 'witness' && this.#phase === 'witnessing') this.#witnessAgain(now)
    else if (key === 'probe' && this.#phase === 'witnessing') this.#probeMaster()
    else if (key === 'attempt' && this.#attempting)
      this.#giveUp('no answer within a quarter of the lease', now)
  }

  lookFailed(ticket: number, reason: string, unrecoverable: boolean, now: ElectionNow): void {
    if (ticket !== this.#ticket || this.#phase !== 'looking') return
    // A cause is logged once, because the look is repeated several times a second.
    if (unrecoverable || reason !== this.#toldFailure) {
      this.#emit({ kind: 'log', level: unrecoverable ? 'error' : 'warn', text: `election failed: ${reason}` })
    }
    this.#toldFailure = reason
    if (unrecoverable) {
      this.end()
      this.#emit({ kind: 'unrecoverable' })
    } else {
      this.#again(limits.electionRetryMs * (0.5 + now.random))
    }
  }

  looked(input: Looked, now: ElectionNow): void {
    if (input.ticket !== this.#ticket || this.#phase !== 'looking') return
    this.#seen = input.record
    this.#toldFailure = ''
    this.#lookedAtMs = now.monotonicMs
    const waitMs = this.#config.locked ? this.#patienceMs(input, now) : 0
    if (input.record) this.#recordSeen(input.record)
    if (!this.#config.locked) {
      const isMine = input.record?.owner === this.#config.owner
      const stillMs = isMine ? 0 : this.#staleness.waitMs(input.record, now.monotonicMs)
      if (stillMs === 0) this.#afterHoldOff(now)
      else this.#wait(Math.min(stillMs, this.#config.leaseMs / 3), 'another process leads')
      return
    }
    if (waitMs > 0)
      this.#wait(waitMs, 'the store lost its last writes: a Master whose record cache has them goes first')
    else if (input.record === undefined || input.record.owner === this.#config.owner) this.#run()
    else if (input.record.left) this.#afterHoldOff(now)
    else this.#besideOwner(input.record, input, now)
  }

  probed(ticket: number, says: 'gone' | 'alive' | 'unknown', now: ElectionNow): void {
    const deathCheck = this.#deathCheck
    if (ticket !== this.#ticket || this.#phase !== 'witnessing' || !deathCheck) return
    if (says === 'gone') {
      deathCheck.probedGone = true
      this.#judge(deathCheck, now)
    } else if (says === 'unknown' && now.monotonicMs < deathCheck.untilMs) {
      // A dying process may still accept a connection and reset it, because its listening socket closes a
      // moment later.
      this.#emit({ kind: 'startTimer', key: 'probe', ms: limits.presenceLookMs })
    } else {
      this.#closeDeathCheck(now)
    }
  }

  presence(ticket: number, count: number | undefined, now: ElectionNow): void {
    const deathCheck = this.#deathCheck
    if (ticket !== this.#ticket || this.#phase !== 'witnessing' || !deathCheck) return
    deathCheck.absent = count === 0
    if (deathCheck.absent) this.#judge(deathCheck, now)
    else this.#emit({ kind: 'startTimer', key: 'witness', ms: limits.presenceLookMs })
  }

  released(ticket: number): void {
    if (ticket === this.#ticket && this.#phase === 'releasing') this.#run()
  }

  acquired(ticket: number, value: string | undefined, reason: string | undefined, now: ElectionNow): void {
    if (ticket !== this.#ticket || this.#phase !== 'acquiring') {
      // The lock came after its attempt was given up. The next candidate must find it free.
      if (value !== undefined) this.#emit({ kind: 'release', value })
      return
    }
    if (value === undefined) {
      this.#emit({ kind: 'cancelTimer', key: 'attempt' })
      if (reason === undefined) this.#again(limits.electionJitterMs * (1 + now.random))
      else this.#giveUp(reason, now)
      return
    }
    this.#lock = value
    this.#elect()
  }

  /** Handles the outcome of `elect`. Returns the won leadership, or undefined. */
  elected(
    { ticket, outcome, sentAtMs }: Extract<ElectionInput, { kind: 'elected' }>,
    now: ElectionNow,
  ): Won | undefined {
    if (ticket !== this.#ticket || this.#phase !== 'electing') return undefined
    if (outcome.kind === 'elected') {
      const lock = this.#lock
      this.#lock = ''
      this.end()
      return { elected: outcome, earlier: this.#earlier, format: this.#format, lock, sentAtMs }
    }
    const reason = 'reason' in outcome ? `: ${outcome.reason}` : ''
    this.#giveUp(`not elected, ${outcome.kind}${reason}`, now)
    return undefined
  }

  lockOf(owner: string): string {
    return this.#seen?.owner === owner ? this.#seen.lock : ''
  }

  get #attempting(): boolean {
    return this.#phase === 'acquiring' || this.#phase === 'electing' || this.#phase === 'releasing'
  }

  /** Notes the record as known, and tells the Master which Master leads. */
  #recordSeen({ epoch, owner, address, position, format }: LeaderRecord): void {
    this.#hearsay.know(position)
    if (format !== undefined) this.#hearsay.format = format
    if (owner === this.#config.owner || (this.#told?.epoch === epoch && this.#told.owner === owner)) return
    this.#told = { epoch, owner }
    this.#emit({ kind: 'tellMaster', message: { type: 'LeaderRecordSeen', epoch, owner, address } })
  }

  /**
   * Protocol 5.3: how many milliseconds to wait still. A process that has the records in its cache does not
   * wait. The wait needs a higher position that this process read itself, or that others named. Claims of
   * others alone do not cause it again and again.
   */
  #patienceMs({ record, recordCache }: Looked, now: ElectionNow): number {
    const stored = record?.position ?? { epoch: 0, seq: 0 }
    const isHearsay = comparePositions(this.#hearsay.known, stored) <= 0
    const begins = this.#rewoundAtMs === undefined
    const isDoubted = isHearsay && begins && !this.#hearsay.isWorthWaiting(now.monotonicMs)
    if (
      this.#holdsRecordCache(stored, recordCache) ||
      comparePositions(this.#observedAtLook, stored) <= 0 ||
      isDoubted
    ) {
      this.#rewoundAtMs = undefined
      return 0
    }
    if (this.#rewoundAtMs === undefined) {
      this.#rewoundAtMs = now.monotonicMs
      if (isHearsay) this.#hearsay.waits(now.monotonicMs)
      this.#emit({
        kind: 'log',
        level: 'warn',
        text: 'STORE_REWOUND: the store lost its last writes; a Master whose record cache has them goes first',
        fields: { stored, observed: this.#observedAtLook },
      })
    }
    return Math.max(0, this.#rewoundAtMs + this.#config.rewindPatienceMs - now.monotonicMs)
  }

  #holdsRecordCache(stored: Position, recordCache: Position | undefined): boolean {
    return (
      recordCache !== undefined &&
      comparePositions(recordCache, stored) >= 0 &&
      comparePositions(recordCache, this.#observedAtLook) >= 0
    )
  }

  #afterHoldOff(now: ElectionNow): void {
    const leftMs = this.#holdOffUntilMs - now.monotonicMs
    if (leftMs > 0) this.#again(leftMs)
    else this.#run()
  }

  #besideOwner(record: LeaderRecord, looked: Looked, now: ElectionNow): void {
    const { owner } = record
    const linkClosed = this.#closed.has(owner) || record.address === this.#config.address
    const distrustMs = this.#distrustUntilMs - now.monotonicMs
    const distrusts =
      distrustMs > 0 && !this.#gone.has(owner) && !this.#holdsRecordCache(record.position, looked.recordCache)
    if ((linkClosed || distrusts) && !this.#alive.has(owner)) {
      this.#openDeathCheck(record, linkClosed, now)
      return
    }
    const lockMs = looked.lockRemainingMs
    if (lockMs > 0) this.#wait(lockMs + limits.electionJitterMs * now.random, 'another Master leads')
    else if (distrusts) this.#wait(distrustMs, 'a server came back and may have lost the lock')
    else this.#run()
  }

  #openDeathCheck(record: LeaderRecord, linkClosed: boolean, now: ElectionNow): void {
    this.#phase = 'witnessing'
    this.#ticket++
    // This Master itself listens at its address, so the former owner of that address is gone.
    const probedGone = record.address === this.#config.address
    const untilMs = now.monotonicMs + limits.presenceWatchMs
    this.#deathCheck = { record, linkClosed, untilMs, probedGone, absent: false }
    if (!probedGone) this.#probeMaster()
    this.#emit({ kind: 'countPresence', ticket: this.#ticket, owner: record.owner })
  }

  #probeMaster(): void {
    if (!this.#deathCheck) return
    const { address, owner } = this.#deathCheck.record
    this.#emit({ kind: 'probe', ticket: this.#ticket, address, owner })
  }

  #witnessAgain(now: ElectionNow): void {
    const deathCheck = this.#deathCheck
    if (!deathCheck) return
    if (now.monotonicMs >= deathCheck.untilMs) this.#closeDeathCheck(now)
    else if (deathCheck.absent) this.#judge(deathCheck, now)
    else this.#emit({ kind: 'countPresence', ticket: this.#ticket, owner: deathCheck.record.owner })
  }

  #judge(deathCheck: DeathCheck, now: ElectionNow): void {
    // The presence is counted again at the next timer.
    if (!deathCheck.absent) return
    if (!deathCheck.probedGone) {
      // The probe has until then to succeed.
      this.#emit({
        kind: 'startTimer',
        key: 'witness',
        ms: Math.max(1, deathCheck.untilMs - now.monotonicMs),
      })
      return
    }
    const { owner, lock } = deathCheck.record
    this.#gone.add(owner)
    this.#endDeathCheck()
    if (!deathCheck.linkClosed) {
      this.#look()
      return
    }
    this.#emit({
      kind: 'log',
      level: 'info',
      text: 'early take-over: three witnesses show that the leader is dead',
      fields: { owner },
    })
    this.#phase = 'releasing'
    this.#ticket++
    this.#startAttempt()
    if (lock === '') this.#run()
    else this.#emit({ kind: 'release', value: lock, ticket: this.#ticket })
  }

  /** The death was not proved. The evidence is dropped, and this candidate waits for the lock. */
  #closeDeathCheck(now: ElectionNow): void {
    const owner = this.#deathCheck?.record.owner
    if (owner !== undefined) {
      this.#closed.delete(owner)
      this.#alive.add(owner)
    }
    this.#endDeathCheck()
    this.#again(now.random)
  }

  #endDeathCheck(): void {
    this.#deathCheck = undefined
    for (const key of ['witness', 'probe'] as const) this.#emit({ kind: 'cancelTimer', key })
  }

  #look(): void {
    this.#phase = 'looking'
    this.#ticket++
    this.#observedAtLook = this.#hearsay.observed
    this.#emit({ kind: 'cancelTimer', key: 'campaign' })
    this.#emit({ kind: 'look', ticket: this.#ticket })
  }

  #wait(ms: number, why: string): void {
    const owner = this.#seen?.owner
    if (owner !== this.#toldOwner) {
      this.#toldOwner = owner
      this.#emit({
        kind: 'log',
        level: 'info',
        text: `standing by: ${why}`,
        fields: { owner, epoch: this.#seen?.epoch },
      })
    }
    this.#again(ms)
  }

  #again(ms: number): void {
    this.#phase = 'waiting'
    this.#ticket++
    this.#emit({ kind: 'startTimer', key: 'campaign', ms })
  }

  #startAttempt(): void {
    this.#emit({ kind: 'startTimer', key: 'attempt', ms: attemptMs(this.#config.leaseMs) })
  }

  #run(): void {
    this.#ticket++
    this.#startAttempt()
    if (!this.#config.locked) {
      this.#elect()
      return
    }
    this.#phase = 'acquiring'
    this.#emit({ kind: 'acquire', ticket: this.#ticket })
  }

  #elect(): void {
    const seen = this.#seen && { epoch: this.#seen.epoch, owner: this.#seen.owner }
    this.#phase = 'electing'
    this.#format = this.#formatOf(this.#seen)
    const asked = {
      seen,
      lock: this.#lock,
      observedEpoch: this.#hearsay.observed.epoch,
      format: this.#format,
      earlier: this.#earlier,
    }
    this.#emit({ kind: 'elect', ticket: this.#ticket, ...asked })
  }

  /**
   * The format to lead with: that of the store. Without a lock there is one Master, and with NONE every store
   * is empty at first, so an empty one was not lost.
   */
  #formatOf(seen: LeaderRecord | undefined): number {
    const { locked, formats } = this.#config
    const isLost = locked && this.#hearsay.observed.epoch > 0
    return seen?.format ?? formatOfEmpty(formats, { before: this.#hearsay.format, isLost })
  }

  /** Earlier elections to record. The last one implies those that found the store at or above its base. */
  get #earlier(): PastElection[] {
    if (!this.#seen) return []
    const { epoch, owner, base, earlier = [] } = this.#seen
    const higher = earlier.filter((past) => comparePositions(past.base, base) < 0)
    return [...higher, { epoch, owner, base }].slice(-limits.pastElections)
  }

  /** Gives up the attempt: a Master that reaches the lock but not the data must block no other. */
  #giveUp(reason: string, now: ElectionNow): void {
    this.#emit({
      kind: 'log',
      level: 'warn',
      text: `this attempt to become the leader was given up: ${reason}`,
    })
    this.#emit({ kind: 'cancelTimer', key: 'attempt' })
    this.#dropLock()
    this.#again(attemptBackoffMs(this.#config.leaseMs, now.random))
  }

  #dropLock(): void {
    if (this.#lock !== '') this.#emit({ kind: 'release', value: this.#lock })
    this.#lock = ''
  }
}
