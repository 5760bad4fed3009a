import { reasonOf } from '../errors.js'
import { limits } from '../limits.js'
import type { CommitMetrics } from '../metrics/commit-metrics.js'
import { systemTimers, type TimerSource } from '../timers.js'
import type { Step } from './commit-group.js'
import type { Abandoned, CommitEnd, CommitQueue, CommitQueueRequest, Settled } from './commit-queue.js'
import type { CommitOutcome, Fence, PersistenceEngine, StoreDegradation } from './engine.js'

export interface CommitQueueDriverOptions<Effect> {
  readonly commitQueue: CommitQueue<Effect>
  readonly engine: Pick<PersistenceEngine, 'commit' | 'touch'>
  readonly fence: Fence
  /** Redlock's current value, for touches. */
  readonly lock: () => string
  readonly monotonicMs: () => number
  /**
   * False: the leadership is past its deadline, and an answer that comes now releases nothing (protocol 6).
   */
  readonly mayAct?: () => boolean
  readonly timers?: TimerSource
  /**
   * Effects that leave in one turn, and how long such a turn lasts. The rest leaves in later turns, before
   * anything else.
   */
  readonly release?: { readonly releaseEffects: number; readonly releaseMs: number }
  readonly onReleased: (effect: Effect) => void
  /** Called once, and not after `stop`. Nothing more is sent or released; `stop` returns what never left. */
  readonly onEnded: (end: CommitEnd) => void
  /** Called when the state of the store changes; undefined when the store works again. */
  readonly onDegraded: (degradation: StoreDegradation | undefined, reason: string | undefined) => void
  /** For the record cache: called before the effects of the same commit are released. */
  readonly onDurable?: (durable: NonNullable<Settled<Effect>['durable']>) => void
  /** For the leader's deadline (protocol 6): monotonic time at which the successful request was sent. */
  readonly onConfirmed?: (sentAtMs: number) => void
  readonly metrics?: CommitMetrics
}

/**
 * The shell of a commit queue: it sends the queue's requests, returns their outcomes to it, and keeps its
 * back-off.
 */
export class CommitQueueDriver<Effect> {
  readonly #options: CommitQueueDriverOptions<Effect>
  readonly #timers: TimerSource
  readonly #drains: (() => void)[] = []
  #cancelWait: (() => void) | undefined
  #pumpQueued = false
  /** Effects whose writes are durable and that have not left yet. */
  #released: readonly Effect[] = []
  #left = 0
  #stopped = false
  #degradation: StoreDegradation | undefined

  constructor(options: CommitQueueDriverOptions<Effect>) {
    this.#options = options
    this.#timers = options.timers ?? systemTimers
  }

  /** Ask this before the core runs (protocol 4.5). */
  get full(): boolean {
    return this.#options.commitQueue.full
  }

  submit(step: Step<Effect>): 'accepted' | 'busy' | 'ended' {
    const answer = this.#options.commitQueue.submit(step)
    // A microtask, so that all steps of one turn share the first commit.
    if (answer === 'accepted' && !this.#pumpQueued) {
      this.#pumpQueued = true
      queueMicrotask(() => {
        this.#pumpQueued = false
        this.#pump()
      })
    }
    return answer
  }

  /**
   * Resolves when everything that was submitted has been released, or the commit queue has ended (clean
   * hand-over).
   */
  drained(): Promise<void> {
    if (this.#stopped || this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#drains.push(resolve))
  }

  /** The leadership is over: nothing more is sent or released, and late answers are ignored. */
  stop(): Abandoned<Effect> {
    this.#quiet()
    const { neverSent, unknown } = this.#options.commitQueue.abandon()
    return { neverSent, unknown: [...this.#released.slice(this.#left), ...unknown] }
  }

  get #isIdle(): boolean {
    return this.#options.commitQueue.idle && this.#left === this.#released.length
  }

  #quiet(): void {
    this.#stopped = true
    this.#cancelWait?.()
    this.#cancelWait = undefined
    for (const resolve of this.#drains.splice(0)) resolve()
  }

  #pump(): void {
    // Released effects leave first. So they keep their order, and no more of them gather than one commit has.
    if (this.#stopped || this.#cancelWait !== undefined || this.#left < this.#released.length) return
    const { commitQueue, monotonicMs } = this.#options
    const next = commitQueue.next(monotonicMs())
    if (next === undefined) {
      if (this.#isIdle) for (const resolve of this.#drains.splice(0)) resolve()
      return
    }
    if (next.kind === 'wait') {
      this.#cancelWait = this.#timers.after(Math.ceil(next.ms), () => {
        this.#cancelWait = undefined
        this.#pump()
      })
      return
    }
    void this.#send(next)
  }

  async #send(request: CommitQueueRequest): Promise<void> {
    const { engine, fence, lock, commitQueue, monotonicMs } = this.#options
    const sentAtMs = monotonicMs()
    if (request.kind === 'commit') this.#options.metrics?.sent(request.writeId, sentAtMs)
    let outcome: CommitOutcome
    try {
      outcome =
        request.kind === 'commit'
          ? await engine.commit(fence, request)
          : await engine.touch(fence, lock(), request.prev)
    } catch (error) {
      outcome = { kind: 'unknown', reason: reasonOf(error) }
    }
    if (request.kind === 'commit') {
      const records = request.puts.length + request.deletes.length
      this.#options.metrics?.answered(outcome.kind, records, monotonicMs())
    }
    if (this.#stopped) return
    if (this.#options.mayAct?.() === false) {
      this.#end({ kind: 'failed', reason: 'the lease ran out' })
      return
    }
    this.#guarded(() => this.#report(commitQueue.settled(outcome, monotonicMs()), outcome, sentAtMs))
    this.#pump()
  }

  /**
   * A shell that threw half-way through its effects is inconsistent, so it is never resumed (protocol 4.5).
   */
  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#end({ kind: 'failed', reason: `an effect could not be released: ${reasonOf(error)}` })
    }
  }

  #report(settled: Settled<Effect>, outcome: CommitOutcome, sentAtMs: number): void {
    const { commitQueue, onConfirmed, onDurable, onDegraded } = this.#options
    if (settled.ended !== undefined) {
      this.#end(settled.ended)
      return
    }
    if (outcome.kind === 'ok' || outcome.kind === 'duplicate') onConfirmed?.(sentAtMs)
    if (commitQueue.storeDegradation !== this.#degradation) {
      this.#degradation = commitQueue.storeDegradation
      onDegraded(this.#degradation, 'reason' in outcome ? outcome.reason : undefined)
    }
    if (settled.durable !== undefined) onDurable?.(settled.durable)
    this.#released = settled.released
    this.#left = 0
    this.#release()
  }

  /** Releases in order, as much as one turn takes. */
  #release(): void {
    const { monotonicMs, onReleased, release = limits } = this.#options
    const beganMs = monotonicMs()
    const most = this.#left + release.releaseEffects
    while (this.#left < this.#released.length && !this.#stopped) {
      if (this.#left >= most || monotonicMs() - beganMs > release.releaseMs) {
        this.#timers.after(0, () => this.#releaseRest())
        return
      }
      onReleased(this.#released[this.#left++] as Effect)
    }
  }

  /** A later turn: by now the leadership may be past its deadline (protocol 6). */
  #releaseRest(): void {
    if (this.#stopped) return
    if (this.#options.mayAct?.() === false) {
      this.#end({ kind: 'failed', reason: 'the lease ran out' })
      return
    }
    this.#guarded(() => this.#release())
    this.#pump()
  }

  #end(end: CommitEnd): void {
    if (this.#stopped) return
    this.#quiet()
    this.#options.onEnded(end)
  }
}
