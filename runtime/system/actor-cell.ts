import type { Clock } from '../clock.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
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
  /** The address of the system: what stands before each path. */
  readonly name: string
  readonly clock: Clock
  readonly batchMessages: number
  readonly host: NactHost
  readonly replies: Replies
  readonly watchdog: Watchdog
  /** Actors with a turn under way or ahead. */
  activeTurns: number
  /** The handlers of this actor run from here on, until `exit`. */
  enter(cell: ActorCell): void
  exit(): void
  /** Its handler has failed. A promise when its turn must wait for what follows; never rejects. */
  fail(cell: ActorCell, error: unknown, envelope: LocalEnvelope | undefined): Promise<void> | undefined
}

/** One actor from spawn to its end, through all restarts: its mailbox and its turns. */
export class ActorCell implements Watchable {
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

  readonly #parts: CellParts
  readonly #slot: ActorSlot
  readonly #bound: number
  readonly #overflow: 'reject' | 'drop-newest' | 'drop-oldest'
  #scheduled = false
  #inTurn = false
  #left = 0
  #atRest: (() => void) | undefined

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

  /** Timers and watches (recall) pass the bound: each is at most once in here. */
  accept(envelope: LocalEnvelope): boolean {
    if (this.phase !== 'running') {
      return envelope.recall === undefined && this.#parts.undeliverable(envelope, 'stopped', this)
    }
    if (this.mailbox.size >= this.#bound && envelope.recall === undefined) {
      const victim = this.#overflow === 'drop-oldest' ? this.mailbox.dropOldest(isDroppable) : undefined
      victim?.sink?.taken?.(victim)
      this.#parts.undeliverable(victim ?? envelope, 'full', this)
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
    if (this.#scheduled && !this.#inTurn) this.#parts.activeTurns--
  }

  #schedule(): void {
    this.#scheduled = true
    this.#parts.activeTurns++
    this.#slot.wake()
  }

  /** One turn of nact is one batch. A promise only when a handler gave one: nact waits for it. */
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

  /** Handles messages until there is nothing left to do, or something to wait for. */
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

  /** Waits for a handler, after a flush: it may wait for what the flush sends. Never rejects. */
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

/** Neither a question, which costs an answer, nor large. */
function isLight({ ask, bytes = 0 }: LocalEnvelope): boolean {
  return ask === undefined && bytes < limits.envelopeUnitBytes
}

function isThenable(value: unknown): value is Promise<void> {
  return typeof (value as Promise<void> | undefined)?.then === 'function'
}
