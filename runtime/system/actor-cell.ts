import { limits } from '../limits.js'
import type { ActorTimers } from './actor-timers.js'
import type { Handler, SpawnOptions, Supervision } from './behavior.js'
import type { Kernel } from './kernel.js'
import type { Destination, LocalEnvelope } from './local-envelope.js'
import { Mailbox } from './mailbox.js'
import type { ActorSlot } from './nact-host.js'
import type { Message } from './ref.js'
import type { Watch } from './watches.js'

/** Batches up to this size have each message timed; in larger ones the reading would cost more than it tells. */
const timedBatch = 16

/** One actor from spawn to its end, through all restarts: its mailbox and its turns. */
export class ActorCell implements Destination {
  readonly localPath: string
  path: string
  readonly parent: ActorCell | undefined
  readonly supervision: Supervision
  readonly children = new Set<ActorCell>()
  readonly mailbox = new Mailbox<LocalEnvelope>()
  /** Who watches this actor in this process, and whom it watches. */
  readonly watchers = new Set<Watch>()
  readonly watching = new Set<Watch>()
  /** Tokens of the questions it has in hand. */
  readonly unanswered = new Set<number>()
  /** Times of recent restarts, monotonic. */
  restartsMs: number[] = []
  phase: 'running' | 'stopping' | 'stopped' = 'running'
  /** Undefined only between two incarnations and at the end. */
  handler: Handler<Message> | undefined
  timers: ActorTimers | undefined
  /** The message in hand: the cause of what is sent meanwhile. */
  current: LocalEnvelope | undefined
  /** A failure that waits for the end of the message in hand: a child's, or one of turnEnd. */
  fault: { readonly error: unknown } | undefined
  ended: Promise<void> | undefined
  handled = 0
  restarts = 0
  /** Since when a handler's promise is pending, monotonic; -1 when none is. */
  waitingSinceMs = -1
  warned = false

  readonly #kernel: Kernel
  readonly #slot: ActorSlot
  readonly #bound: number
  readonly #overflow: 'reject' | 'drop-newest' | 'drop-oldest'
  #scheduled = false
  #inTurn = false
  #left = 0
  #atRest: (() => void) | undefined

  constructor(kernel: Kernel, localPath: string, parent: ActorCell | undefined, options: SpawnOptions) {
    this.#kernel = kernel
    this.localPath = localPath
    this.path = kernel.name + localPath
    this.parent = parent
    this.supervision = options.supervision ?? { strategy: 'escalate' }
    this.#bound = options.mailbox?.messages ?? limits.mailboxMessages
    this.#overflow = options.mailbox?.overflow ?? 'reject'
    this.#slot = kernel.host.slot(() => this.#turn())
  }

  /** Timers and watches (recall) pass the bound: each is at most once in here. */
  accept(envelope: LocalEnvelope): boolean {
    if (this.phase !== 'running') {
      return envelope.recall === undefined && this.#kernel.undeliverable(envelope, 'stopped', this)
    }
    if (this.mailbox.size >= this.#bound && envelope.recall === undefined) {
      const victim = this.#overflow === 'drop-oldest' ? this.mailbox.dropOldest(isDroppable) : undefined
      victim?.sink?.taken?.(victim)
      this.#kernel.undeliverable(victim ?? envelope, 'full', this)
      if (victim === undefined) return this.#overflow === 'drop-newest'
    }
    this.mailbox.push(envelope)
    if (envelope.sink !== undefined) envelope.sink.queued?.(envelope)
    if (!this.#scheduled) this.#schedule()
    return true
  }

  /** The oldest envelope, which waits no more. */
  take(): LocalEnvelope | undefined {
    const envelope = this.mailbox.shift()
    envelope?.sink?.taken?.(envelope)
    return envelope
  }

  /** Gives it a turn though no message came. */
  wake(): void {
    if (!this.#scheduled && this.phase === 'running') this.#schedule()
  }

  /** Resolves when no handler of it runs; undefined: none does. */
  rest(): Promise<void> | undefined {
    if (!this.#inTurn) return undefined
    return new Promise((resolve) => {
      this.#atRest = resolve
    })
  }

  /** Gives the turn back for good. */
  leave(): void {
    this.#slot.leave()
    if (this.#scheduled && !this.#inTurn) this.#kernel.activeTurns--
  }

  #schedule(): void {
    this.#scheduled = true
    this.#kernel.activeTurns++
    this.#slot.wake()
  }

  /** One turn of nact is one batch. A promise only when a handler gave one: nact waits for it. */
  #turn(): void | Promise<void> {
    this.#inTurn = true
    this.#left = this.#kernel.batchMessages
    this.#kernel.enter(this)
    const pending = this.#batch()
    this.#kernel.exit()
    return pending === undefined ? this.#endTurn() : this.#waitFor(pending)
  }

  async #waitFor(pending: Promise<void>): Promise<void> {
    for (let next: Promise<void> | undefined = pending; next !== undefined; ) {
      await next
      this.#kernel.enter(this)
      next = this.#batch()
      this.#kernel.exit()
    }
    this.#endTurn()
  }

  #endTurn(): void {
    this.#inTurn = false
    this.#scheduled = false
    this.#kernel.activeTurns--
    this.mailbox.shrink()
    if (this.phase === 'running' && (this.mailbox.size > 0 || this.fault !== undefined)) this.#schedule()
    this.#atRest?.()
  }

  /** Handles messages until there is nothing left to do, or something to wait for. */
  #batch(): Promise<void> | undefined {
    const pending = this.#drain()
    if (pending !== undefined) return pending
    this.#flush()
    return this.#recover()
  }

  #drain(): Promise<void> | undefined {
    const { mailbox } = this
    const { clock } = this.#kernel
    const isTimed = mailbox.size <= timedBatch
    const endMs = clock.monotonicMs() + limits.batchMs
    let startMs = endMs - limits.batchMs
    // Messages from links until the next look at the clock: the first is looked at, and so is what follows a costly one.
    let unseen = 1
    while (this.#left > 0 && this.phase === 'running') {
      const recovery = this.fault === undefined ? undefined : this.#recover()
      if (recovery !== undefined) return recovery
      const envelope = mailbox.shift()
      if (envelope === undefined) break
      if (envelope.sink !== undefined) envelope.sink.taken?.(envelope)
      this.#left--
      const pending = this.#handle(envelope)
      if (pending !== undefined) return pending
      if (!isTimed && (envelope.sink === undefined || (--unseen > 0 && isLight(envelope)))) continue
      const nowMs = clock.monotonicMs()
      if (isTimed) envelope.tookUs = Math.round((nowMs - startMs) * 1000)
      unseen = nowMs - startMs < limits.batchMs / limits.batchLookMessages ? limits.batchLookMessages : 1
      startMs = nowMs
      // What others ask may cost anything: the next message has a turn of its own.
      if (envelope.sink !== undefined && nowMs >= endMs) break
    }
    this.current = undefined
    return undefined
  }

  #handle(envelope: LocalEnvelope): Promise<void> | undefined {
    if (envelope.recall !== undefined && !envelope.recall.take()) return undefined
    this.current = envelope
    this.handled++
    if (envelope.ask !== undefined && !this.#kernel.replies.open(envelope, this)) {
      this.#kernel.undeliverable(envelope, 'busy', this)
      return undefined
    }
    try {
      const pending = (this.handler as Handler<Message>).receive(envelope.message, envelope)
      return isThenable(pending) ? this.#settle(pending, envelope) : undefined
    } catch (error) {
      return this.#kernel.fail(this, error, envelope)
    }
  }

  /** Waits for a handler, after a flush: it may wait for what the flush sends. Never rejects. */
  async #settle(pending: Promise<void>, envelope: LocalEnvelope): Promise<void> {
    const kernel = this.#kernel
    this.waitingSinceMs = kernel.clock.monotonicMs()
    kernel.watchdog.add(this)
    this.#flush()
    let failure: { readonly error: unknown } | undefined
    try {
      await pending
    } catch (error) {
      failure = { error }
    }
    envelope.tookUs = Math.round((kernel.clock.monotonicMs() - this.waitingSinceMs) * 1000)
    kernel.watchdog.remove(this)
    this.waitingSinceMs = -1
    if (failure !== undefined) await kernel.fail(this, failure.error, envelope)
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
    return this.#kernel.fail(this, fault.error, undefined)
  }
}

function isDroppable(envelope: LocalEnvelope): boolean {
  return envelope.recall === undefined
}

/** Neither a question, which costs an answer, nor large. */
function isLight({ ask, bytes = 0 }: LocalEnvelope): boolean {
  return ask === undefined && bytes < limits.envelopeUnitBytes
}

function isThenable(value: unknown): value is Promise<void> {
  return typeof (value as Promise<void> | undefined)?.then === 'function'
}
