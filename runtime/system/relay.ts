import { randomInt } from 'node:crypto'
import type { Clock } from '../clock.js'
import { SystemMetrics } from '../metrics/system-metrics.js'
import type { TraceContext } from '../telemetry/trace-context.js'
import type { TraceRing } from '../trace/ring.js'
import type { Cause, Envelope } from './envelope.js'
import {
  type Destination,
  type LocalEnvelope,
  type LocalEnvelopeParts,
  localEnvelope,
  plain,
} from './local-envelope.js'
import type { Message } from './ref.js'
import {
  type Counters,
  type DeadLetterReason,
  deadLetterReasons,
  type SystemOptions,
} from './system-options.js'
import { guarded } from './uncaught.js'

/** Leaves room for 2^52 ids before they stop being exact. */
const idSpace = 2 ** 47

/** The one place that every message passes, whether it is local, comes in or goes out. */
export class Relay {
  readonly counters: Counters = {
    messages: 0,
    received: 0,
    sent: 0,
    deadLetters: 0,
    overflowed: 0,
    failures: 0,
    restarts: 0,
    spawned: 0,
  }
  readonly metrics = new SystemMetrics(deadLetterReasons)
  readonly ring: TraceRing | undefined
  readonly #clock: Clock
  readonly #epoch: () => number
  readonly #seq: () => number | undefined
  readonly #context: (() => TraceContext | undefined) | undefined
  readonly #onDeadLetter: (envelope: Envelope, reason: DeadLetterReason) => void
  #id: number
  /** Wall-clock time of the batch in hand; 0 between batches. */
  #batchMs = 0

  constructor(options: SystemOptions) {
    this.#clock = options.clock
    this.ring = options.ring
    this.#epoch = options.epoch
    this.#seq = options.seq ?? (() => undefined)
    this.#context = options.context
    this.#onDeadLetter = guarded(options.onDeadLetter ?? (() => {}))
    this.#id = options.firstId ?? randomInt(idSpace)
  }

  beginBatch(): void {
    this.#batchMs = this.#clock.wallMs()
  }

  endBatch(): void {
    this.#batchMs = 0
  }

  /** Makes a new envelope. Without a cause it begins a trace. */
  stamp(
    from: string,
    to: string,
    message: Message,
    cause: Cause | undefined,
    parts: LocalEnvelopeParts = plain,
  ): LocalEnvelope {
    const id = this.#id++
    const epoch = this.#epoch()
    const context = cause?.context ?? this.#context?.()
    if (cause === undefined)
      return localEnvelope(from, to, message, id, id, undefined, epoch, this.#seq(), parts, context)
    return localEnvelope(from, to, message, id, cause.trace, cause.id, epoch, this.#seq(), parts, context)
  }

  /** Counts, traces and delivers a message. False: it was not delivered. */
  pass(envelope: LocalEnvelope, destination: Destination): boolean {
    this.counters.messages++
    this.ring?.record(envelope, this.#batchMs === 0 ? this.#clock.wallMs() : this.#batchMs)
    return destination.accept(envelope)
  }

  /** Traces what is no message to anybody, such as a write to the store. It is neither counted nor sent. */
  note(from: string, to: string, message: Message, cause: Cause | undefined): void {
    this.ring?.record(
      this.stamp(from, to, message, cause),
      this.#batchMs === 0 ? this.#clock.wallMs() : this.#batchMs,
    )
  }

  /** Destinations call it if they could not deliver. */
  dead(envelope: Envelope, reason: DeadLetterReason): void {
    this.counters.deadLetters++
    this.metrics.deadLetters.add(reason)
    if (reason === 'full') this.counters.overflowed++
    this.#onDeadLetter(envelope, reason)
  }
}
