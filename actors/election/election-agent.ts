import type { Clock } from '../../runtime/clock.js'
import {
  type ErrorName,
  errorParts,
  FiresteelError,
  isFiresteelError,
  reasonOf,
} from '../../runtime/errors.js'
import { KeyedTimers } from '../../runtime/keyed-timers.js'
import { limits } from '../../runtime/limits.js'
import type { Log } from '../../runtime/observe/log.js'
import type {
  ElectOutcome,
  LeaderRecord,
  PersistenceEngine,
  Position,
} from '../../runtime/persistence/engine.js'
import { type FormatRange, ownFormats, requireFormat } from '../../runtime/persistence/store-format.js'
import type { TimerSource } from '../../runtime/timers.js'
import {
  commonProtocol,
  formatProtocols,
  ownProtocols,
  parseProtocols,
} from '../../runtime/transport/protocol-range.js'
import { describeRange } from '../../runtime/version-range.js'
import type { AgentMessage, ElectionMessage } from '../messages/election.js'
import { ElectionCore } from './election-core.js'
import type { ElectionEffect, ElectionInput, ElectionTimer, ProbeResult } from './election-events.js'
import { Hearsay, LAST_EPOCH } from './hearsay.js'
import type { LeaderLock, Presence, Reconnections } from './leader-lock.js'

const unrecoverable: readonly ErrorName[] = [
  'HEAP_TOO_SMALL',
  'CLUSTER_MISMATCH',
  'VERSION_UNSUPPORTED',
  'STORE_UNREADABLE',
  'STORE_DENIED',
  'STORE_UNSUITABLE',
]

/**
 * Takes part in elections for one Master incarnation. It is Firesteel's own agent, or one of a CUSTOM module.
 */
export interface ElectionAgent {
  receive(message: AgentMessage): void
  /**
   * Value of the lock while this Master leads, which touches write to the leader record; '' without a lock.
   */
  readonly lock: string
  /**
   * The lock that this STANDBY has read in the leader record of that owner; '' if it has read none. It goes
   * into no message: a Master shows by it that it reads the store. An agent without it is never handed over
   * to, unless the leader stops.
   */
  lockOf?(owner: string): string
  /** True: effects of this leadership may still leave. The Master asks first in every turn (protocol 6). */
  mayAct(): boolean
  /** The highest observed position, for the next incarnation of this node. */
  readonly observed: Position
  /** Ends all timers and listeners. It gives up no leadership. */
  close(): void
}

/** The dependencies of an ElectionAgent. */
export interface ElectionAgentContext {
  readonly engine: PersistenceEngine
  /** Incarnation of the Master. */
  readonly owner: string
  /** `firesteel://host:port` of the Master. */
  readonly address: string
  readonly leaseMs: number
  /** The formats of a store that this Master knows; default: those of this build. */
  readonly formats?: FormatRange
  /** The highest position observed in earlier incarnations of this node. */
  readonly observed: Position
  /** The positions that this process knows and has been told of, over its incarnations. */
  readonly hearsay?: Hearsay
  /** Another Master was told to take over and goes first for this long (protocol 13). */
  readonly holdOffMs?: number
  /** Position of the durable records that this process still holds of a former leadership (protocol 12). */
  readonly recordCache: () => Position | undefined
  /**
   * `wasFit`: this process could once use its store. From then on it waits for the store, whatever happens to
   * it, because the end of the process would lose its record cache.
   */
  readonly store?: { wasFit: boolean }
  /** Finds out whether a process answers at the address where this owner listened. */
  readonly probeMaster: (address: string, owner: string) => Promise<ProbeResult>
  readonly clock: Clock
  readonly timers?: TimerSource
  /** In [0, 1). */
  readonly random: () => number
  readonly newWriteId: () => string
  readonly log: Log
  readonly tellMaster: (message: ElectionMessage) => void
  /** The store belongs to another cluster or cannot be used, and no later try can mend it. */
  readonly onUnrecoverable: (error: FiresteelError) => void
  /** This agent does nothing more. If it led, it has given up the leadership and the store knows. */
  readonly onResigned: () => void
}

/** With a lock there may be several Masters. Without it there is one, with NONE or FILESYSTEM. */
export interface LockService {
  readonly lock: LeaderLock
  readonly presence?: Presence
  readonly reconnections?: Reconnections
  /** Monotonic time since which the present connections exist. */
  readonly connectedAtMs?: number
}

/**
 * LeaderElectionAgent of a cluster with one Master. It is elected once the store shows that no other process
 * leads.
 */
export function singleMasterElection(context: ElectionAgentContext): ElectionAgent {
  return new LeasedElection(context, undefined)
}

/** LeaderElectionAgent over a lock, for any number of Masters. */
export function electionOverLock(context: ElectionAgentContext, service: LockService): ElectionAgent {
  return new LeasedElection(context, service)
}

/** The shell of `ElectionCore`: store, lock, witnesses, timers. */
class LeasedElection implements ElectionAgent {
  readonly #context: ElectionAgentContext
  readonly #service: LockService | undefined
  readonly #core: ElectionCore
  readonly #timers: KeyedTimers<ElectionTimer>
  readonly #stopListening: (() => void) | undefined
  /** Other Masters must be able to count this one's presence before it can be elected. */
  readonly #joined: Promise<void>
  readonly #formats: FormatRange
  #lastError: unknown
  #hindrance: { readonly by: 'look' | 'elect'; readonly message: string } | undefined
  #closed = false

  constructor(context: ElectionAgentContext, service: LockService | undefined) {
    this.#context = context
    this.#service = service
    this.#timers = new KeyedTimers(context.timers)
    const { owner, address, leaseMs, observed, clock, holdOffMs = 0 } = context
    const { hearsay = new Hearsay(observed), formats = ownFormats } = context
    this.#formats = formats
    this.#core = new ElectionCore({
      owner,
      address,
      leaseMs,
      hearsay,
      rewindPatienceMs: limits.rewindPatienceMs,
      locked: service !== undefined,
      formats,
      connectedAtMs: service?.connectedAtMs ?? clock.monotonicMs(),
      holdOffUntilMs: clock.monotonicMs() + holdOffMs,
    })
    this.#stopListening = service?.reconnections?.onReconnected(() => this.#step({ kind: 'reconnected' }))
    this.#joined = service?.presence?.join(owner) ?? Promise.resolve()
    this.#joined.catch(() => {})
    // The start waits until the constructor's caller has the object.
    queueMicrotask(() => this.#step({ kind: 'start' }))
  }

  get lock(): string {
    return this.#core.lock
  }

  lockOf(owner: string): string {
    return this.#core.lockOf(owner)
  }

  get observed(): Position {
    return this.#core.observed
  }

  mayAct(): boolean {
    return this.#core.mayAct(this.#context.clock.monotonicMs())
  }

  receive(message: AgentMessage): void {
    this.#step({ kind: 'message', message })
  }

  close(): void {
    this.#closed = true
    this.#stopListening?.()
    this.#timers.clear()
    void this.#service?.presence?.leave(this.#context.owner).catch(() => {})
  }

  #step(input: ElectionInput): void {
    if (this.#closed) return
    const { clock, random } = this.#context
    const effects = this.#core.step(input, { monotonicMs: clock.monotonicMs(), random: random() })
    for (const effect of effects) this.#run(effect)
  }

  #run(effect: ElectionEffect): void {
    const { tellMaster, onResigned, onUnrecoverable, log } = this.#context
    switch (effect.kind) {
      case 'startTimer':
        this.#timers.start(effect.key, effect.ms, () => this.#step({ kind: 'timer', key: effect.key }))
        break
      case 'cancelTimer':
        this.#timers.cancel(effect.key)
        break
      case 'tellMaster':
        tellMaster(effect.message)
        break
      case 'resigned':
        onResigned()
        break
      case 'unrecoverable':
        onUnrecoverable(this.#lastError as FiresteelError)
        break
      case 'log':
        log[effect.level](effect.text, effect.fields)
        break
      default:
        // The answers come as inputs of their own. None of these promises rejects.
        void this.#ask(effect)
    }
  }

  #ask(
    effect: Exclude<ElectionEffect, { kind: 'startTimer' | 'cancelTimer' | 'tellMaster' | 'log' }>,
  ): Promise<void> {
    switch (effect.kind) {
      case 'look':
        return this.#look(effect.ticket)
      case 'probe':
        return this.#probeMaster(effect)
      case 'countPresence':
        return this.#countPresence(effect)
      case 'release':
        return this.#release(effect)
      case 'acquire':
        return this.#acquire(effect.ticket)
      case 'elect':
        return this.#elect(effect)
      case 'touch':
        return this.#touch(effect)
      case 'extend':
        return this.#extend(effect.value)
      case 'leave':
        return this.#leave(effect)
      case 'resigned':
      case 'unrecoverable':
        return Promise.resolve()
    }
  }

  async #look(ticket: number): Promise<void> {
    const { engine, recordCache, store } = this.#context
    let input: ElectionInput
    try {
      const [record, lockRemainingMs] = await Promise.all([
        engine.leader(),
        this.#service?.lock.remainingMs() ?? 0,
      ])
      if (record) refuseToStand(record, this.#formats)
      if (store) store.wasFit = true
      this.#hindered('look', undefined)
      input = { kind: 'looked', ticket, record, lockRemainingMs, recordCache: recordCache() }
    } catch (error) {
      this.#lastError = error
      this.#hindered('look', error)
      const isUnrecoverable = !store?.wasFit && unrecoverable.some((code) => isFiresteelError(error, code))
      input = { kind: 'lookFailed', ticket, reason: reasonOf(error), unrecoverable: isUnrecoverable }
    }
    // This is outside the try: an exception of the core is a defect, not a failed look.
    this.#step(input)
  }

  /**
   * Tells the Master what keeps this agent from an election, once per change. A refused election hides no
   * failed look.
   */
  #hindered(by: 'look' | 'elect', error: unknown): void {
    if (error === undefined && by !== this.#hindrance?.by) return
    const problem = error === undefined ? undefined : errorParts(error)
    if (problem?.message === this.#hindrance?.message) return
    this.#hindrance = problem && { by, message: problem.message }
    this.#context.tellMaster({ type: 'ElectionHindered', ...(problem && { problem }) })
  }

  async #probeMaster({ ticket, address, owner }: Extract<ElectionEffect, { kind: 'probe' }>): Promise<void> {
    const says = await this.#context.probeMaster(address, owner).catch((): ProbeResult => 'unknown')
    this.#step({ kind: 'probed', ticket, says })
  }

  async #countPresence({ ticket, owner }: Extract<ElectionEffect, { kind: 'countPresence' }>): Promise<void> {
    const count = await this.#service?.presence?.count(owner).catch(() => undefined)
    this.#step({ kind: 'presence', ticket, count })
  }

  async #release({ value, ticket }: Extract<ElectionEffect, { kind: 'release' }>): Promise<void> {
    await this.#service?.lock.release(value).catch(() => {})
    if (ticket !== undefined) this.#step({ kind: 'released', ticket })
  }

  async #acquire(ticket: number): Promise<void> {
    let value: string | undefined
    let reason: string | undefined
    try {
      await this.#joined
      value = await this.#service?.lock.acquire()
    } catch (error) {
      reason = reasonOf(error)
    }
    if (this.#closed && value !== undefined) await this.#service?.lock.release(value).catch(() => {})
    this.#step({ kind: 'acquired', ticket, value, ...(reason !== undefined && { reason }) })
  }

  async #elect(effect: Extract<ElectionEffect, { kind: 'elect' }>): Promise<void> {
    const { engine, owner, address, clock, newWriteId } = this.#context
    const { ticket, seen, lock, observedEpoch, earlier, format } = effect
    const protocols = formatProtocols(ownProtocols)
    const request = {
      seen,
      me: owner,
      address,
      lock,
      observedEpoch,
      earlier,
      protocols,
      format,
      writeId: newWriteId(),
    }
    const sentAtMs = clock.monotonicMs()
    let problem: unknown
    const outcome = await engine.elect(request).catch((error: unknown): ElectOutcome => {
      problem = error
      return { kind: 'unknown', reason: reasonOf(error) }
    })
    if (outcome.kind === 'refused') problem = new FiresteelError(outcome.code, outcome.reason)
    this.#hindered('elect', problem)
    this.#step({ kind: 'elected', ticket, outcome, sentAtMs })
  }

  async #touch({ fence, lock }: Extract<ElectionEffect, { kind: 'touch' }>): Promise<void> {
    const { engine, clock } = this.#context
    const sentAtMs = clock.monotonicMs()
    const outcome = await engine
      .touch(fence, lock)
      .catch((error: unknown) => ({ kind: 'unknown', reason: reasonOf(error) }) as const)
    this.#step({ kind: 'touched', outcome, sentAtMs })
  }

  async #extend(value: string): Promise<void> {
    const held = await this.#service?.lock.extend(value).catch(() => undefined)
    this.#step({ kind: 'extended', held })
  }

  async #leave({ fence }: Extract<ElectionEffect, { kind: 'leave' }>): Promise<void> {
    let isRecorded = false
    try {
      await this.#context.engine.leave(fence)
      isRecorded = true
    } catch (error) {
      // This hint only spares the successor a wait. Without it the leader is replaced like a dead one.
      this.#context.log.warn('the store was not told that this leader leaves', { reason: reasonOf(error) })
    }
    this.#step({ kind: 'left', isRecorded })
  }
}

/**
 * Throws if this Master must not be elected after this leader: it would not be understood, cannot go on
 * writing the format of the store, or no higher epoch exists.
 */
function refuseToStand({ epoch, protocols, format }: LeaderRecord, formats: FormatRange): void {
  if (epoch >= LAST_EPOCH) throw noEpochLeft(epoch)
  if (format !== undefined) requireFormat(format, formats, 'The store', 'the leader record')
  // The first builds wrote none. A range that cannot be read is one of a release that we do not understand.
  if (protocols === undefined) return
  const theirs = parseProtocols(protocols)
  if (theirs !== undefined && commonProtocol(theirs, ownProtocols) !== undefined) return
  const speaks = `The leader of this cluster speaks protocol ${theirs ? describeRange(theirs) : protocols}`
  throw new FiresteelError(
    'VERSION_UNSUPPORTED',
    `${speaks}, this Master ${describeRange(ownProtocols)}: it would not be understood, so it does not stand.`,
    {
      place: 'the leader record',
      help: 'Run a release that speaks one of these protocols, or stop all nodes and start all with one release.',
    },
  )
}

/** The error for a record with the last epoch, because an epoch that is used again would have two owners. */
function noEpochLeft(epoch: number): FiresteelError {
  return new FiresteelError(
    'STORE_UNREADABLE',
    `The leader record has epoch ${epoch}, after which none can be counted.`,
    {
      place: 'the leader record',
      help: 'Elections never reach this epoch; a program must have written it. Restore the store from a backup; nothing was changed.',
    },
  )
}
