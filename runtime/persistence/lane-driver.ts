import { reasonOf } from '../errors.js'
import { limits } from '../limits.js'
import type { Step } from './commit-group.js'
import type { Abandoned, CommitLane, LaneEnd, LaneRequest, Settled } from './commit-lane.js'
import type { CommitOutcome, Fence, PersistenceEngine, StoreTrouble } from './engine.js'

/** Runs `run` once after `delayMs`; the answer cancels it. */
export type After = (delayMs: number, run: () => void) => () => void

export const systemAfter: After = (delayMs, run) => {
  const timer = setTimeout(run, delayMs)
  return () => clearTimeout(timer)
}

export interface LaneDriverOptions<Effect> {
  readonly lane: CommitLane<Effect>
  readonly engine: Pick<PersistenceEngine, 'commit' | 'touch'>
  readonly fence: Fence
  /** Redlock's present value, for touches. */
  readonly lock: () => string
  readonly monotonicMs: () => number
  /** False: the leadership is past its deadline; an answer that comes then releases nothing (protocol 6). */
  readonly mayAct?: () => boolean
  readonly after?: After
  /** Effects that leave in one turn, and how long a turn of them lasts; the rest follows in later turns, before anything else. */
  readonly release?: { readonly releaseEffects: number; readonly releaseMs: number }
  readonly onReleased: (effect: Effect) => void
  /** Called once, not after `stop`. Nothing more is sent or released; `stop` gives what never left. */
  readonly onEnded: (end: LaneEnd) => void
  /** Called when the trouble changes; undefined when it is over. */
  readonly onTrouble: (trouble: StoreTrouble | undefined, reason: string | undefined) => void
  /** For the image: called before the effects of the same commit are released. */
  readonly onDurable?: (durable: NonNullable<Settled<Effect>['durable']>) => void
  /** For the leader's deadline (protocol 6): when the request that succeeded was sent, monotonic. */
  readonly onConfirmed?: (sentAtMs: number) => void
}

/** The thin shell around a lane: sends what it says, brings back outcomes, keeps its back-off. */
export class LaneDriver<Effect> {
  readonly #options: LaneDriverOptions<Effect>
  readonly #after: After
  readonly #drains: (() => void)[] = []
  #cancelWait: (() => void) | undefined
  #pumpQueued = false
  /** Their writes are durable; they have not left yet. */
  #released: readonly Effect[] = []
  #left = 0
  #stopped = false
  #trouble: StoreTrouble | undefined

  constructor(options: LaneDriverOptions<Effect>) {
    this.#options = options
    this.#after = options.after ?? systemAfter
  }

  /** To be asked before the core runs (protocol 4.5). */
  get full(): boolean {
    return this.#options.lane.full
  }

  submit(step: Step<Effect>): 'accepted' | 'busy' | 'ended' {
    const answer = this.#options.lane.submit(step)
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

  /** Resolves when all that was submitted has been released, or the lane has ended (clean hand-over). */
  drained(): Promise<void> {
    if (this.#stopped || this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#drains.push(resolve))
  }

  /** The leadership is over: nothing more is sent or released, late answers are ignored. */
  stop(): Abandoned<Effect> {
    this.#quiet()
    const { neverSent, unknown } = this.#options.lane.abandon()
    return { neverSent, unknown: [...this.#released.slice(this.#left), ...unknown] }
  }

  get #isIdle(): boolean {
    return this.#options.lane.idle && this.#left === this.#released.length
  }

  #quiet(): void {
    this.#stopped = true
    this.#cancelWait?.()
    this.#cancelWait = undefined
    for (const resolve of this.#drains.splice(0)) resolve()
  }

  #pump(): void {
    // What has been released leaves first: so they keep their order, and no more of them gather than one commit has.
    if (this.#stopped || this.#cancelWait !== undefined || this.#left < this.#released.length) return
    const { lane, monotonicMs } = this.#options
    const next = lane.next(monotonicMs())
    if (next === undefined) {
      if (this.#isIdle) for (const resolve of this.#drains.splice(0)) resolve()
      return
    }
    if (next.kind === 'wait') {
      this.#cancelWait = this.#after(Math.ceil(next.ms), () => {
        this.#cancelWait = undefined
        this.#pump()
      })
      return
    }
    void this.#send(next)
  }

  async #send(request: LaneRequest): Promise<void> {
    const { engine, fence, lock, lane, monotonicMs } = this.#options
    const sentAtMs = monotonicMs()
    let outcome: CommitOutcome
    try {
      outcome =
        request.kind === 'commit'
          ? await engine.commit(fence, request)
          : await engine.touch(fence, lock(), request.prev)
    } catch (error) {
      outcome = { kind: 'unknown', reason: reasonOf(error) }
    }
    if (this.#stopped) return
    if (this.#options.mayAct?.() === false) {
      this.#end({ kind: 'failed', reason: 'the lease ran out' })
      return
    }
    this.#guarded(() => this.#report(lane.settled(outcome, monotonicMs()), outcome, sentAtMs))
    this.#pump()
  }

  /** A shell that threw half-way through its effects is inconsistent: never resume (protocol 4.5). */
  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#end({ kind: 'failed', reason: `an effect could not be released: ${reasonOf(error)}` })
    }
  }

  #report(settled: Settled<Effect>, outcome: CommitOutcome, sentAtMs: number): void {
    const { lane, onConfirmed, onDurable, onTrouble } = this.#options
    if (settled.ended !== undefined) {
      this.#end(settled.ended)
      return
    }
    if (outcome.kind === 'ok' || outcome.kind === 'duplicate') onConfirmed?.(sentAtMs)
    if (lane.storeTrouble !== this.#trouble) {
      this.#trouble = lane.storeTrouble
      onTrouble(this.#trouble, 'reason' in outcome ? outcome.reason : undefined)
    }
    if (settled.durable !== undefined) onDurable?.(settled.durable)
    this.#released = settled.released
    this.#left = 0
    this.#release()
  }

  /** In order, as many as one turn takes. */
  #release(): void {
    const { monotonicMs, onReleased, release = limits } = this.#options
    const beganMs = monotonicMs()
    const most = this.#left + release.releaseEffects
    while (this.#left < this.#released.length && !this.#stopped) {
      if (this.#left >= most || monotonicMs() - beganMs > release.releaseMs) {
        this.#after(0, () => this.#releaseRest())
        return
      }
      onReleased(this.#released[this.#left++] as Effect)
    }
  }

  /** A later turn: the leadership may be past its deadline by now (protocol 6). */
  #releaseRest(): void {
    if (this.#stopped) return
    if (this.#options.mayAct?.() === false) {
      this.#end({ kind: 'failed', reason: 'the lease ran out' })
      return
    }
    this.#guarded(() => this.#release())
    this.#pump()
  }

  #end(end: LaneEnd): void {
    if (this.#stopped) return
    this.#quiet()
    this.#options.onEnded(end)
  }
}
