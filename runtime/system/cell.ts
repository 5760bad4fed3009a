import { limits } from '../limits.js'
import type { ActorTimers } from './actor-timers.js'
import type { Handler, SpawnOptions, Supervision } from './behavior.js'
import type { Kernel } from './kernel.js'
import type { Destination, Letter } from './letter.js'
import { Mailbox } from './mailbox.js'
import type { Seat } from './nact-host.js'
import type { Message } from './ref.js'
import type { Watch } from './watches.js'

/** Batches up to this size have each message timed; in larger ones the reading would cost more than it tells. */
const timedBatch = 16

/** One actor from spawn to its end, through all restarts: its mailbox and its turns. */
export class Cell implements Destination {
  readonly localPath: string
  path: string
  readonly parent: Cell | undefined
  readonly supervision: Supervision
  readonly children = new Set<Cell>()
  readonly mailbox = new Mailbox<Letter>()
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
  current: Letter | undefined
  /** A failure that waits for the end of the message in hand: a child's, or one of turnEnd. */
  fault: { readonly error: unknown } | undefined
  ended: Promise<void> | undefined
  handled = 0
  restarts = 0
  /** Since when a handler's promise is pending, monotonic; -1 when none is. */
  waitingSinceMs = -1
  warned = false

  readonly #kernel: Kernel
  readonly #seat: Seat
  readonly #bound: number
  readonly #overflow: 'reject' | 'drop-newest' | 'drop-oldest'
  #scheduled = false
  #inTurn = false
  #left = 0
  #atRest: (() => void) | undefined

  constructor(kernel: Kernel, localPath: string, parent: Cell | undefined, options: SpawnOptions) {
    this.#kernel = kernel
    this.localPath = localPath
    this.path = kernel.name + localPath
    this.parent = parent
    this.supervision = options.supervision ?? { strategy: 'escalate' }
    this.#bound = options.mailbox?.messages ?? limits.mailboxMessages
    this.#overflow = options.mailbox?.overflow ?? 'reject'
    this.#seat = kernel.host.seat(() => this.#turn())
  }

  /** Timers and watches (recall) pass the bound: each is at most once in here. */
  accept(letter: Letter): boolean {
    if (this.phase !== 'running') {
      return letter.recall === undefined && this.#kernel.undeliverable(letter, 'stopped', this)
    }
    if (this.mailbox.size >= this.#bound && letter.recall === undefined) {
      const victim = this.#overflow === 'drop-oldest' ? this.mailbox.dropOldest(isDroppable) : undefined
      victim?.sink?.taken?.(victim)
      this.#kernel.undeliverable(victim ?? letter, 'full', this)
      if (victim === undefined) return this.#overflow === 'drop-newest'
    }
    this.mailbox.push(letter)
    if (letter.sink !== undefined) letter.sink.queued?.(letter)
    if (!this.#scheduled) this.#schedule()
    return true
  }

  /** The oldest letter, which waits no more. */
  take(): Letter | undefined {
    const letter = this.mailbox.shift()
    letter?.sink?.taken?.(letter)
    return letter
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
    this.#seat.leave()
    if (this.#scheduled && !this.#inTurn) this.#kernel.activeTurns--
  }

  #schedule(): void {
    this.#scheduled = true
    this.#kernel.activeTurns++
    this.#seat.wake()
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
      const letter = mailbox.shift()
      if (letter === undefined) break
      if (letter.sink !== undefined) letter.sink.taken?.(letter)
      this.#left--
      const pending = this.#handle(letter)
      if (pending !== undefined) return pending
      if (!isTimed && (letter.sink === undefined || (--unseen > 0 && isLight(letter)))) continue
      const nowMs = clock.monotonicMs()
      if (isTimed) letter.tookUs = Math.round((nowMs - startMs) * 1000)
      unseen = nowMs - startMs < limits.batchMs / limits.batchLookMessages ? limits.batchLookMessages : 1
      startMs = nowMs
      // What others ask may cost anything: the next message has a turn of its own.
      if (letter.sink !== undefined && nowMs >= endMs) break
    }
    this.current = undefined
    return undefined
  }

  #handle(letter: Letter): Promise<void> | undefined {
    if (letter.recall !== undefined && !letter.recall.take()) return undefined
    this.current = letter
    this.handled++
    if (letter.ask !== undefined && !this.#kernel.replies.open(letter, this)) {
      this.#kernel.undeliverable(letter, 'busy', this)
      return undefined
    }
    try {
      const pending = (this.handler as Handler<Message>).receive(letter.message, letter)
      return isThenable(pending) ? this.#settle(pending, letter) : undefined
    } catch (error) {
      return this.#kernel.fail(this, error, letter)
    }
  }

  /** Waits for a handler, after a flush: it may wait for what the flush sends. Never rejects. */
  async #settle(pending: Promise<void>, letter: Letter): Promise<void> {
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
    letter.tookUs = Math.round((kernel.clock.monotonicMs() - this.waitingSinceMs) * 1000)
    kernel.watchdog.remove(this)
    this.waitingSinceMs = -1
    if (failure !== undefined) await kernel.fail(this, failure.error, letter)
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

function isDroppable(letter: Letter): boolean {
  return letter.recall === undefined
}

/** Neither a question, which costs an answer, nor large. */
function isLight({ ask, bytes = 0 }: Letter): boolean {
  return ask === undefined && bytes < limits.letterUnitBytes
}

function isThenable(value: unknown): value is Promise<void> {
  return typeof (value as Promise<void> | undefined)?.then === 'function'
}
