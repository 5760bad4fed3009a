import type { Envelope, Sink, WireEnvelope } from '../../runtime/system/envelope.js'
import { type ActorSystem, createSystem } from '../../runtime/system/system.js'
import type { ActorFailure, DeadLetterReason, SystemOptions } from '../../runtime/system/system-options.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import { VirtualTime } from './virtual-time.js'

export interface Note {
  readonly type: 'Note'
  readonly text: string
}

export function note(text: string): Note {
  return { type: 'Note', text }
}

/** A system on virtual time that keeps what it was told. */
export interface Fixture {
  readonly system: ActorSystem
  readonly time: VirtualTime
  readonly ring: TraceRing
  readonly failures: ActorFailure[]
  readonly deadLetters: { reason: DeadLetterReason; envelope: Envelope }[]
  /** Moves time on and lets all that follows happen. */
  advance(ms: number): Promise<void>
  idle(): Promise<void>
}

export function fixture(options: Partial<SystemOptions> = {}): Fixture {
  const time = new VirtualTime()
  const ring = new TraceRing(1000)
  const failures: ActorFailure[] = []
  const deadLetters: { reason: DeadLetterReason; envelope: Envelope }[] = []
  const system = createSystem({
    name: 'firesteel://test@one:7070',
    clock: time,
    timers: time,
    epoch: () => 7,
    ring,
    firstId: 100,
    onFailure: (failure) => failures.push(failure),
    onDeadLetter: (envelope, reason) => deadLetters.push({ envelope, reason }),
    ...options,
  })
  const idle = () => system.idle()
  return { system, time, ring, failures, deadLetters, idle, advance: (ms) => time.advanceSettling(ms, idle) }
}

export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

export function deferred<T = void>(): Deferred<T> {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** Two systems with a link that carries JSON, as the real one does. */
export class Wire {
  readonly one: Fixture
  readonly two: Fixture
  /** What `one` sends by, and `two`. */
  readonly toTwo: Sink
  readonly toOne: Sink
  readonly frames: string[] = []
  open = true

  constructor() {
    this.one = fixture()
    this.two = fixture({ name: 'firesteel://test@two:7070', firstId: 90_000, epoch: () => 3 })
    this.toTwo = this.#sink('firesteel://test@two:7070', () =>
      this.two.system.receive.bind(this.two.system, this.toOne),
    )
    this.toOne = this.#sink('firesteel://test@one:7070', () =>
      this.one.system.receive.bind(this.one.system, this.toTwo),
    )
  }

  cut(): void {
    this.open = false
    this.one.system.disconnect(this.toTwo)
    this.two.system.disconnect(this.toOne)
  }

  async settle(): Promise<void> {
    for (let round = 0; round < 5; round++) {
      await this.one.idle()
      await this.two.idle()
    }
  }

  #sink(path: string, receiver: () => (envelope: WireEnvelope, bytes: number) => void): Sink {
    return {
      path,
      send: (envelope) => {
        if (!this.open) return false
        const frame = JSON.stringify(envelope)
        envelope.bytes = frame.length
        this.frames.push(frame)
        setImmediate(() => {
          if (this.open) receiver()(JSON.parse(frame) as WireEnvelope, frame.length)
        })
        return true
      },
    }
  }
}
