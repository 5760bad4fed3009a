import type { Clock } from '../clock.js'
import { limits } from '../limits.js'
import { systemTimers, type TimerSource } from '../timers.js'
import type { ActorCell } from './actor-cell.js'
import type { ActorSystem } from './actor-system.js'
import { Asks } from './asks.js'
import type { Sink } from './envelope.js'
import { Inbound, type InboundParts } from './inbound.js'
import { Lifecycle, type LifecycleParts } from './lifecycle.js'
import type { Destination, LocalEnvelope } from './local-envelope.js'
import { NactHost } from './nact-host.js'
import { Relay } from './relay.js'
import { Remote } from './remote.js'
import { Replies } from './replies.js'
import { type Failure, systemPath } from './system-messages.js'
import type { ActorFailure, DeadLetterReason, SystemOptions } from './system-options.js'
import { throwUncaught } from './uncaught.js'
import { Watchdog } from './watchdog.js'
import { Watches, type WatchParts } from './watches.js'

/** The parts of an actor system and what they share. The file of each part declares what that part needs. */
export class Kernel implements LifecycleParts, WatchParts, InboundParts {
  readonly system: ActorSystem
  readonly clock: Clock
  readonly timers: TimerSource
  readonly batchMessages: number
  readonly relay: Relay
  readonly asks: Asks
  readonly replies: Replies
  readonly watches: Watches
  readonly watchdog: Watchdog
  readonly inbound: Inbound
  readonly lifecycle: Lifecycle
  readonly host = new NactHost(throwUncaught)
  /** Live actors by local path. */
  readonly cells = new Map<string, ActorCell>()
  /** The number of actors that have a turn now or soon. */
  activeTurns = 0
  /** The actor whose handler runs now. */
  running: ActorCell | undefined
  closed = false
  readonly #askerPath: string
  #name = ''

  constructor(system: ActorSystem, options: SystemOptions) {
    this.system = system
    this.clock = options.clock
    this.timers = options.timers ?? systemTimers
    this.batchMessages = options.batchMessages ?? limits.batchMessages
    this.relay = new Relay(options)
    this.asks = new Asks(this.relay, this.timers, (envelope) => this.replies.forget(envelope))
    const linkTo = (sink: Sink, path: string) => new Remote(this, sink, path)
    this.replies = new Replies(this.relay, this.asks, this.clock, linkTo)
    this.watches = new Watches(this)
    this.watchdog = new Watchdog(this.clock, this.timers, options.watchdog)
    this.inbound = new Inbound(this)
    this.lifecycle = new Lifecycle(this, options.onFailure ?? throwUnhandled)
    this.#askerPath = options.askerPath ?? systemPath
    this.name = options.name
  }

  get metrics() {
    return this.relay.metrics
  }

  get name(): string {
    return this.#name
  }

  /** Changes the paths of living actors too, because a node learns its port after its actors began. */
  set name(name: string) {
    this.#name = name
    this.asks.path = name + this.#askerPath
    for (const cell of this.cells.values()) cell.path = name + cell.localPath
  }

  enter(cell: ActorCell): void {
    this.running = cell
    this.relay.beginBatch()
  }

  exit(): void {
    this.running = undefined
    this.relay.endBatch()
  }

  fail(cell: ActorCell, error: unknown, envelope: LocalEnvelope | undefined): Promise<void> | undefined {
    return this.lifecycle.fail(cell, error, envelope)
  }

  /** Counts a dead letter. If it is a question, it is answered at once. Returns false, as `accept` does. */
  undeliverable(envelope: LocalEnvelope, reason: DeadLetterReason, at: Destination, why?: Failure): false {
    this.relay.dead(envelope, reason)
    if (envelope.ask !== undefined) this.replies.refuse(envelope, why ?? refusal(envelope, reason, at))
    return false
  }
}

function refusal(envelope: LocalEnvelope, reason: DeadLetterReason, at: Destination): Failure {
  if (reason === 'full')
    return { type: 'Failure', code: 'MAILBOX_FULL', message: `the mailbox of ${at.path} is full` }
  if (reason === 'busy') {
    return { type: 'Failure', code: 'BUSY', message: `too many questions wait at ${at.path}` }
  }
  if (reason === 'link') {
    return { type: 'Failure', code: 'LINK_CLOSED', message: `the link to ${at.path} takes nothing` }
  }
  return { type: 'Failure', code: 'ACTOR_STOPPED', message: `there is no actor ${envelope.to}` }
}

function throwUnhandled({ error, outcome }: ActorFailure): void {
  if (outcome === 'unhandled') throwUncaught(error)
}
