import { backoffMs } from '../backoff.js'
import { FiresteelError } from '../errors.js'
import { limits as defaults } from '../limits.js'
import { CommitGroup, type Step, type Write, writesOf } from './commit-group.js'
import type {
  CommitOutcome,
  CommitRequest,
  Deposed,
  Failed,
  Position,
  Rewound,
  StoreDegradation,
} from './engine.js'

export interface CommitQueueLimits {
  readonly commitQueueSteps: number
  readonly commitQueueBytes: number
  readonly commitEntries: number
  readonly commitBytes: number
  readonly storeBackoffFirstMs: number
  readonly storeBackoffMaxMs: number
}

export interface CommitQueueOptions {
  readonly epoch: number
  /** Position that was found at the election. The commit queue counts on from its seq. */
  readonly base: Position
  /** Write id of the election, the first of the chain. */
  readonly writeId: string
  /** Returns a fresh random value for each commit. */
  readonly newWriteId: () => string
  readonly limits?: CommitQueueLimits
}

export type CommitQueueRequest =
  | ({ readonly kind: 'commit' } & CommitRequest)
  | { readonly kind: 'touch'; readonly prev: string }

/** `wait`: send nothing before `ms` have passed, then call `next` again. */
export type CommitQueueNext = CommitQueueRequest | { readonly kind: 'wait'; readonly ms: number }

/** Why the leadership is over. Only the LeaderElectionAgent sends RevokedLeadership (protocol 6). */
export type CommitEnd = Deposed | Rewound | Failed

export interface Settled<Effect> {
  /** Effects to send now, in this order. */
  readonly released: readonly Effect[]
  /** What became durable, for the record cache. Undefined after a touch, or without success. */
  readonly durable?: Pick<CommitRequest, 'puts' | 'deletes' | 'format'>
  readonly ended?: CommitEnd
}

/** Effects that never left. Callers of `neverSent` get NotLeader, those of `unknown` get OutcomeUnknown. */
export interface Abandoned<Effect> {
  readonly neverSent: readonly Effect[]
  readonly unknown: readonly Effect[]
}

interface QueuedStep<Effect> {
  readonly writes: readonly Write[]
  readonly bytes: number
  readonly format: number | undefined
  readonly effects: readonly Effect[]
}

/**
 * The commit queue of a leader (protocol 4), pure. Steps go in, one fenced write at a time comes out. Effects
 * are released in the order of their steps, once their write and all earlier ones are durable. Steps that
 * wait share the next commit.
 */
export class CommitQueue<Effect> {
  readonly #epoch: number
  readonly #newWriteId: () => string
  readonly #limits: CommitQueueLimits
  /** Steps stay here until they are durable. The first `#covered` of them belong to `#sent`. */
  readonly #queue: QueuedStep<Effect>[] = []
  #covered = 0
  #queuedBytes = 0
  #sent: CommitQueueRequest | undefined
  #inFlight = false
  #seq: number
  #writeId: string
  #failures = 0
  #retryAtMs = 0
  #degradation: StoreDegradation | undefined
  #ended: CommitEnd | undefined

  constructor({ epoch, base, writeId, newWriteId, limits = defaults }: CommitQueueOptions) {
    this.#epoch = epoch
    this.#seq = base.seq
    this.#writeId = writeId
    this.#newWriteId = newWriteId
    this.#limits = limits
  }

  /** Position of the last durable commit. */
  get position(): Position {
    return { epoch: this.#epoch, seq: this.#seq }
  }

  /** Set while the store refuses writes or does not answer. New requests are refused with this code. */
  get storeDegradation(): StoreDegradation | undefined {
    return this.#degradation
  }

  /**
   * Ask this before the core runs: a step that has run must not be turned away. After `false` one more step
   * always fits.
   */
  get full(): boolean {
    return (
      this.#queue.length >= this.#limits.commitQueueSteps ||
      this.#queuedBytes >= this.#limits.commitQueueBytes
    )
  }

  /** Bytes of the writes that are not durable yet. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  get idle(): boolean {
    return this.#queue.length === 0
  }

  get ended(): CommitEnd | undefined {
    return this.#ended
  }

  submit(step: Step<Effect>): 'accepted' | 'busy' | 'ended' {
    if (this.#ended !== undefined) return 'ended'
    if (this.full) return 'busy'
    const writes = writesOf(step.puts, step.deletes)
    const { effects, format } = step
    if (writes.length === 0 && effects.length === 0 && format === undefined) return 'accepted'
    let bytes = 0
    for (const write of writes) bytes += write.bytes
    this.#queuedBytes += bytes
    this.#queue.push({ writes, bytes, format, effects })
    return 'accepted'
  }

  /**
   * The request to send now; undefined while one is under way or nothing waits. Each request must be settled.
   */
  next(nowMs: number): CommitQueueNext | undefined {
    if (this.#ended !== undefined || this.#inFlight || this.#queue.length === 0) return undefined
    if (nowMs < this.#retryAtMs) return { kind: 'wait', ms: this.#retryAtMs - nowMs }
    this.#sent ??= this.#form()
    this.#inFlight = true
    return this.#sent
  }

  settled(outcome: CommitOutcome, nowMs: number): Settled<Effect> {
    const sent = this.#sent
    if (sent === undefined || !this.#inFlight) {
      throw new FiresteelError(
        'INTERNAL',
        'the commit queue got an outcome for which no request was under way',
      )
    }
    this.#inFlight = false
    switch (outcome.kind) {
      case 'ok':
      case 'duplicate':
        return this.#succeed(sent)
      case 'refused':
        this.#backOff(sent, outcome.code, nowMs)
        return { released: [] }
      case 'unknown':
        this.#backOff(sent, 'STORE_UNAVAILABLE', nowMs)
        return { released: [] }
      case 'deposed':
      case 'rewound':
      case 'failed':
        this.#ended = outcome
        return { released: [], ended: outcome }
    }
  }

  /**
   * The leadership ended: nothing more is sent or released. A step of a commit that was sent may or may not
   * be durable; a touch wrote nothing.
   */
  abandon(): Abandoned<Effect> {
    this.#ended ??= { kind: 'failed', reason: 'the leadership was given up' }
    this.#inFlight = false
    const split = this.#sent?.kind === 'commit' ? this.#covered : 0
    const steps = this.#queue.splice(0)
    this.#queuedBytes = 0
    return {
      unknown: steps.slice(0, split).flatMap((step) => step.effects),
      neverSent: steps.slice(split).flatMap((step) => step.effects),
    }
  }

  #form(): CommitQueueRequest {
    const group = new CommitGroup(this.#limits.commitEntries, this.#limits.commitBytes)
    this.#covered = 0
    let format: number | undefined
    for (const step of this.#queue) {
      if (!group.add(step.writes)) break
      this.#covered += 1
      format = step.format ?? format
    }
    if (group.empty && format === undefined) return { kind: 'touch', prev: this.#writeId }
    const n = this.#seq + 1
    const entries = group.entries({ epoch: this.#epoch, seq: n })
    const raises = format !== undefined && { format }
    return { kind: 'commit', n, prev: this.#writeId, writeId: this.#newWriteId(), ...entries, ...raises }
  }

  #succeed(sent: CommitQueueRequest): Settled<Effect> {
    const steps = this.#queue.splice(0, this.#covered)
    for (const step of steps) this.#queuedBytes -= step.bytes
    this.#sent = undefined
    this.#covered = 0
    this.#failures = 0
    this.#retryAtMs = 0
    this.#degradation = undefined
    const released = steps.flatMap((step) => step.effects)
    if (sent.kind === 'touch') return { released }
    this.#seq = sent.n
    this.#writeId = sent.writeId
    const { puts, deletes, format } = sent
    return { released, durable: { puts, deletes, ...(format !== undefined && { format }) } }
  }

  /**
   * A commit is repeated unchanged, because an earlier copy of it may still be carried out. A touch wrote
   * nothing, so a new request is formed.
   */
  #backOff(sent: CommitQueueRequest, degradation: StoreDegradation, nowMs: number): void {
    if (sent.kind === 'touch') this.#sent = undefined
    const { storeBackoffFirstMs, storeBackoffMaxMs } = this.#limits
    this.#retryAtMs = nowMs + backoffMs(this.#failures++, storeBackoffFirstMs, storeBackoffMaxMs)
    this.#degradation = degradation
  }
}
