import { type ClientMessage, checked, type MasterMessage } from '../../actors/messages/catalogue.js'
import { systemClock } from '../../runtime/clock.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import type { Envelope } from '../../runtime/system/envelope.js'
import { createSystem } from '../../runtime/system/system.js'
import { Gateway, type LinkMessage, peerOf } from '../../runtime/transport/gateway.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { type Listener, listen } from '../../runtime/transport/listen.js'

export const SECRET = '0123456789abcdef0123456789abcdef'
export const CLUSTER = 'demo'

let number = 0

export interface FakeOptions {
  /** 0: a standby. */
  readonly epoch: number
  readonly port?: number
  readonly cluster?: string
  readonly actor?: 'Master' | 'Worker'
  /** Addresses it teaches; default its own. */
  readonly masters?: readonly string[]
  /** What it answers or tells; undefined: nothing. */
  readonly on?: (message: MasterMessage, from: string, fake: FakeMaster) => ClientMessage | undefined
}

/** A Master (or Worker) of a few lines on a real port: speaks first, answers by `on`. */
export class FakeMaster {
  readonly incarnation = `fake-${++number}`
  readonly received: MasterMessage[] = []
  readonly peers = new Set<string>()
  epoch: number
  readonly #options: FakeOptions
  readonly #system: ActorSystem
  readonly #gateway: Gateway<MasterMessage>
  #listener: Listener | undefined

  static async start(options: FakeOptions): Promise<FakeMaster> {
    const fake = new FakeMaster(options)
    fake.#listener = await listen({
      host: '127.0.0.1',
      port: options.port ?? 0,
      identity: { cluster: options.cluster ?? CLUSTER, incarnation: fake.incarnation },
      keyFor: (role, subject) => deriveKey(SECRET, role, subject),
      onLink: (link) => fake.#gateway.attach(link),
    })
    return fake
  }

  constructor(options: FakeOptions) {
    this.#options = options
    this.epoch = options.epoch
    this.#system = createSystem({
      name: `firesteel://${CLUSTER}@fake:0`,
      clock: systemClock,
      epoch: () => this.epoch,
      seq: () => 1,
    })
    const { actor = 'Master' } = options
    this.#gateway = new Gateway<MasterMessage>({
      system: this.#system,
      check: (message) => checked(actor === 'Master' ? 'master' : 'worker', message),
      remotePath: () => '/user/ClientEndpoint',
    })
    const self = this.#system.spawn<MasterMessage | LinkMessage>(actor, () => ({
      receive: (message, envelope) => this.#receive(message, envelope),
    }))
    this.#gateway.serve(self)
  }

  get port(): number {
    return this.#listener?.port ?? 0
  }

  get address(): string {
    return `firesteel://127.0.0.1:${this.port}`
  }

  /** Becomes the leader of this epoch and says so on every link. */
  lead(epoch: number): void {
    this.epoch = epoch
    for (const peer of this.peers) this.#speakFirst(peer)
  }

  tell(to: string, message: ClientMessage): void {
    this.#gateway.send(to, message)
  }

  cut(): void {
    this.#gateway.closeAll('cut by the test')
  }

  async stop(): Promise<void> {
    await this.#listener?.close()
    this.cut()
    await this.#system.shutdown()
  }

  #speakFirst(peer: string): void {
    if (this.#options.actor === 'Worker') return
    const masters = [...(this.#options.masters ?? [this.address])]
    if (this.epoch === 0) this.tell(peer, { type: 'MasterInStandby', masters })
    else this.tell(peer, { type: 'MasterChanged', master: this.address, web: null, masters })
  }

  #receive(message: MasterMessage | LinkMessage, envelope: Envelope): void {
    if (message.type === 'LinkUp') {
      this.peers.add(message.peer.incarnation)
      this.#speakFirst(message.peer.incarnation)
    } else if (message.type === 'LinkDown') {
      this.peers.delete(message.peer.incarnation)
    } else {
      this.received.push(message)
      const from = peerOf(envelope)?.incarnation ?? ''
      const answer = this.#options.on?.(message, from, this)
      const reply = this.#system.replyTo(envelope)
      if (answer && reply) this.#system.answer(reply, answer)
      else if (answer) this.tell(from, answer)
    }
  }
}
