import { reasonOf } from '../errors.js'
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
  readonly onReleased: (effects: readonly Effect[]) => void
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
    if (this.#stopped || this.#options.lane.idle) return Promise.resolve()
    return new Promise((resolve) => this.#drains.push(resolve))
  }

  /** The leadership is over: nothing more is sent or released, late answers are ignored. */
  stop(): Abandoned<Effect> {
    this.#quiet()
    return this.#options.lane.abandon()
  }

  #quiet(): void {
    this.#stopped = true
    this.#cancelWait?.()
    this.#cancelWait = undefined
    for (const resolve of this.#drains.splice(0)) resolve()
  }

  #pump(): void {
    if (this.#stopped || this.#cancelWait !== undefined) return
    const { lane, monotonicMs } = this.#options
    const next = lane.next(monotonicMs())
    if (next === undefined) {
      if (lane.idle) for (const resolve of this.#drains.splice(0)) resolve()
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
    try {
      this.#report(lane.settled(outcome, monotonicMs()), outcome, sentAtMs)
    } catch (error) {
      // A shell that threw half-way through its effects is inconsistent: never resume (protocol 4.5).
      this.#end({ kind: 'failed', reason: `an effect could not be released: ${reasonOf(error)}` })
    }
    this.#pump()
  }

  #report(settled: Settled<Effect>, outcome: CommitOutcome, sentAtMs: number): void {
    const { lane, onConfirmed, onDurable, onReleased, onTrouble } = this.#options
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
    if (settled.released.length > 0) onReleased(settled.released)
  }

  #end(end: LaneEnd): void {
    if (this.#stopped) return
    this.#quiet()
    this.#options.onEnded(end)
  }
}
