import type { Clock } from '../clock.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import type { SystemMetrics } from '../metrics/system-metrics.js'
import type { ActorTimers } from './actor-timers.js'
import type { Handler, SpawnOptions, Supervision } from './behavior.js'
import type { LocalEnvelope } from './local-envelope.js'
import { Mailbox } from './mailbox.js'
import type { ActorSlot, NactHost } from './nact-host.js'
import type { Message } from './ref.js'
import type { Replies } from './replies.js'
import type { Undelivered } from './undelivered.js'
import type { Watchdog } from './watchdog.js'
import type { Watch, Watchable } from './watches.js'

const timedBatch = innerLimits.timedBatchMessages

/** What an actor needs of its system. */
export interface CellParts extends Undelivered {
  /** The address of the system. Each path begins with it. */
  readonly name: string
  readonly clock: Clock
  readonly batchMessages: number
  readonly host: NactHost
  readonly replies: Replies
  readonly watchdog: Watchdog
  readonly metrics: SystemMetrics
  /** The number of actors that have a turn now or soon. */
  activeTurns: number
  /** From here until `exit`, the handlers that run are those of this actor. */
  enter(cell: ActorCell): void
  exit(): void
  /** Called when a handler failed. Returns a promise if the actor's turn must wait for it; never rejects. */
  fail(cell: ActorCell, error: unknown, envelope: LocalEnvelope | undefined): Promise<void> | undefined
}

/** One actor from its spawn to its end, through all restarts. It holds the mailbox and runs the turns. */
export class ActorCell implements Watchable {
  readonly localPath: string
  path: string
  readonly parent: ActorCell | undefined
  readonly supervision: Supervision
  readonly children = new Set<ActorCell>()
  readonly mailbox = new Mailbox<LocalEnvelope>()
  /** The watches on this actor in this process, and the watches that it holds itself. */
  readonly watchers = new Set<Watch>()
  readonly watching = new Set<Watch>()
  /** Tokens of the questions that it has taken and not answered. */
  readonly unanswered = new Set<number>()
  /** Times of recent restarts, monotonic. */
  restartsMs: number[] = []
  phase: 'running' | 'stopping' | 'stopped' = 'running'
  /** Undefined only between two incarnations and after the end. */
  handler: Handler<Message> | undefined
  timers: ActorTimers | undefined
  /** The message in hand. It is the cause of everything that is sent meanwhile. */
  current: LocalEnvelope | undefined
  /** A failure that waits until the message in hand is done. It comes from a child or from turnEnd. */
  fault: { readonly error: unknown } | undefined
  ended: Promise<void> | undefined
  handled = 0
  restarts = 0
  /** Monotonic time since which a handler's promise is pending; -1 if none is. */
  waitingSinceMs = -1
  warned = false

  readonly #parts: CellParts
  readonly #slot: ActorSlot
  readonly #bound: number
  readonly #overflow: 'reject' | 'drop-newest' | 'drop-oldest'
  #scheduled = false
  #inTurn = false
  #left = 0
  #atRest: (() => void) | undefined
  /** The message whose wait in the mailbox is measured, and since when it waits. */
  #measured: LocalEnvelope | undefined
  #measuredSinceMs = 0
  /** Type of the messages that are being handled, and the value of `handled` before the first of them. */
  #runType = ''
  #runFrom = 0

  constructor(parts: CellParts, localPath: string, parent: ActorCell | undefined, options: SpawnOptions) {
    this.#parts = parts
    this.localPath = localPath
    this.path = parts.name + localPath
    this.parent = parent
    this.supervision = options.supervision ?? { strategy: 'escalate' }
    this.#bound = options.mailbox?.messages ?? limits.mailboxMessages
    this.#overflow = options.mailbox?.overflow ?? 'reject'
    this.#slot = parts.host.slot(() => this.#turn())
  }

  /**
   * Timers and watches (recall) may exceed the bound, because each of them is in the mailbox at most once.
   */
  accept(envelope: LocalEnvelope): boolean {
    if (this.phase !== 'running') {
      return envelope.recall === undefined && this.#parts.undeliverable(envelope, 'stopped', this)
    }
    if (this.mailbox.size >= this.#bound && envelope.recall === undefined) {
      const victim = this.#overflow === 'drop-oldest' ? this.mailbox.dropOldest(isDroppable) : undefined
      victim?.sink?.taken?.(victim)
      if (victim !== undefined && victim === this.#measured) this.#measured = undefined
      this.#parts.undeliverable(victim ?? envelope, 'full', this)
      if (victim === undefined) return this.#overflow === 'drop-newest'
    }
    this.mailbox.push(envelope)
    if (this.#measured === undefined) {
      this.#measured = envelope
      this.#measuredSinceMs = this.#parts.clock.monotonicMs()
    }
    if (envelope.sink !== undefined) envelope.sink.queued?.(envelope)
    if (!this.#scheduled) this.#schedule()
    return true
  }

  /** Takes the oldest envelope out of the mailbox. */
  take(): LocalEnvelope | undefined {
    const envelope = this.mailbox.shift()
    envelope?.sink?.taken?.(envelope)
    this.#measured = undefined
    return envelope
  }

  /** Gives the actor a turn although no message came. */
  wake(): void {
    if (!this.#scheduled && this.phase === 'running') this.#schedule()
  }

  /** Resolves when no handler of this actor runs. Undefined: none runs now. */
  rest(): Promise<void> | undefined {
    if (!this.#inTurn) return undefined
    return new Promise((resolve) => {
      this.#atRest = resolve
    })
  }

  /** Gives up the actor's turn for good. */
  leave(): void {
    this.#slot.leave()
    if (this.#scheduled && !this.#inTurn) this.#parts.activeTurns--
  }

  #schedule(): void {
    this.#scheduled = true
    this.#parts.activeTurns++
    this.#slot.wake()
  }

  /**
   * One turn of nact is one batch. It returns a promise only if a handler did, because nact waits for
   * promises.
   */
  #turn(): void | Promise<void> {
    this.#inTurn = true
    this.#left = this.#parts.batchMessages
    this.#parts.enter(this)
    const pending = this.#batch()
    this.#parts.exit()
    return pending === undefined ? this.#endTurn() : this.#waitFor(pending)
  }

  async #waitFor(pending: Promise<void>): Promise<void> {
    for (let next: Promise<void> | undefined = pending; next !== undefined; ) {
      await next
      this.#parts.enter(this)
      next = this.#batch()
      this.#parts.exit()
    }
    this.#endTurn()
  }

  #endTurn(): void {
    this.#inTurn = false
    this.#scheduled = false
    this.#parts.activeTurns--
    this.mailbox.shrink()
    if (this.phase === 'running' && (this.mailbox.size > 0 || this.fault !== undefined)) this.#schedule()
    this.#atRest?.()
  }

  /** Handles messages until none is left or until a handler returns a promise. */
  #batch(): Promise<void> | undefined {
    const pending = this.#drain()
    if (pending !== undefined) return pending
    this.#flush()
    return this.#recover()
  }

  #drain(): Promise<void> | undefined {
    const { mailbox } = this
    const { clock } = this.#parts
    const isTimed = mailbox.size <= timedBatch
    const endMs = clock.monotonicMs() + limits.batchMs
    let startMs = endMs - limits.batchMs
    // Counts messages from links until the clock is read again. It is read after the first one and after a
    // costly one.
    let unseen = 1
    while (this.#left > 0 && this.phase === 'running') {
      const recovery = this.fault === undefined ? undefined : this.#recover()
      if (recovery !== undefined) {
        this.#took(clock.monotonicMs() - startMs)
        return recovery
      }
      const envelope = mailbox.shift()
      if (envelope === undefined) break
      if (envelope.sink !== undefined) envelope.sink.taken?.(envelope)
      if (envelope === this.#measured) this.#waited(startMs)
      if (envelope.message.type !== this.#runType) this.#endRun(envelope.message.type)
      this.#left--
      const pending = this.#handle(envelope)
      if (pending !== undefined) {
        this.#took(clock.monotonicMs() - startMs)
        return pending
      }
      if (!isTimed && (envelope.sink === undefined || (--unseen > 0 && isLight(envelope)))) continue
      const nowMs = clock.monotonicMs()
      this.#took(nowMs - startMs)
      if (isTimed) envelope.tookUs = Math.round((nowMs - startMs) * 1000)
      unseen = nowMs - startMs < limits.batchMs / limits.batchLookMessages ? limits.batchLookMessages : 1
      startMs = nowMs
      // A message from a link may cost any amount of time, so the next one gets a turn of its own.
      if (envelope.sink !== undefined && nowMs >= endMs) break
    }
    if (this.handled > this.#runFrom) this.#took(clock.monotonicMs() - startMs)
    this.current = undefined
    return undefined
  }

  /** Counts the messages of one type that were handled one after the other. Those of `next` follow. */
  #endRun(next: string): void {
    const count = this.handled - this.#runFrom
    if (count > 0) this.#parts.metrics.messages.handled(this.#runType, count)
    this.#runType = next
    this.#runFrom = this.handled
  }

  /** The messages that were handled since the clock was read last took this long together. */
  #took(ms: number): void {
    this.#endRun(this.#runType)
    this.#parts.metrics.messages.took(ms)
  }

  /** The measured message is about to be handled, and the next one may be measured. */
  #waited(nowMs: number): void {
    this.#measured = undefined
    this.#parts.metrics.mailboxWait.observe(Math.max(0, nowMs - this.#measuredSinceMs) / 1000)
  }

  #handle(envelope: LocalEnvelope): Promise<void> | undefined {
    if (envelope.recall !== undefined && !envelope.recall.take()) return undefined
    this.current = envelope
    this.handled++
    if (envelope.ask !== undefined && !this.#parts.replies.open(envelope, this)) {
      this.#parts.undeliverable(envelope, 'busy', this)
      return undefined
    }
    try {
      const pending = (this.handler as Handler<Message>).receive(envelope.message, envelope)
      return isThenable(pending) ? this.#settle(pending, envelope) : undefined
    } catch (error) {
      return this.#parts.fail(this, error, envelope)
    }
  }

  /**
   * Waits for a handler's promise. It flushes first, since the handler may wait for what the flush sends.
   * Never rejects.
   */
  async #settle(pending: Promise<void>, envelope: LocalEnvelope): Promise<void> {
    const parts = this.#parts
    this.waitingSinceMs = parts.clock.monotonicMs()
    parts.watchdog.add(this)
    this.#flush()
    let failure: { readonly error: unknown } | undefined
    try {
      await pending
    } catch (error) {
      failure = { error }
    }
    envelope.tookUs = Math.round((parts.clock.monotonicMs() - this.waitingSinceMs) * 1000)
    parts.watchdog.remove(this)
    this.waitingSinceMs = -1
    if (failure !== undefined) await parts.fail(this, failure.error, envelope)
    this.current = undefined
  }

  #flush(): void {
    try {
      this.handler?.turnEnd?.()
    } catch (error) {
      this.fault ??= { error }
    }
  }

  #recover(): Promise<void> | undefined {
    const { fault } = this
    this.fault = undefined
    if (fault === undefined || this.phase !== 'running') return undefined
    return this.#parts.fail(this, fault.error, undefined)
  }
}

function isDroppable(envelope: LocalEnvelope): boolean {
  return envelope.recall === undefined
}

/** True for a small message that is no question. A question costs an answer. */
function isLight({ ask, bytes = 0 }: LocalEnvelope): boolean {
  return ask === undefined && bytes < limits.envelopeUnitBytes
}

function isThenable(value: unknown): value is Promise<void> {
  return typeof (value as Promise<void> | undefined)?.then === 'function'
}
