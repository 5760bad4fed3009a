import { checked, isQuestion } from '../../actors/messages/catalogue.js'
import { systemClock } from '../../runtime/clock.js'
import { limits } from '../../runtime/limits.js'
import type { Message } from '../../runtime/system/ref.js'
import { type ActorSystem, createSystem } from '../../runtime/system/system.js'
import { dial } from '../../runtime/transport/dial.js'
import { Gateway, type LinkDown, type LinkMessage } from '../../runtime/transport/gateway.js'
import { type Listener, listen } from '../../runtime/transport/listen.js'
import { waitUntil } from '../harness/wait-until.js'
import { Inbox, rawSocket } from '../tools/transport-support.js'
import { VirtualTime } from '../tools/virtual-time.js'
import { keyOf, SECRET } from './handshake-keys.js'
import { must } from './target.js'

export const CLUSTER = 'fuzz'
const HOST = '127.0.0.1'
const refusals: ReadonlySet<string> = new Set([
  'SECRET_WRONG',
  'CLUSTER_MISMATCH',
  'VERSION_UNSUPPORTED',
  'CREDENTIAL_ENDED',
  'TLS_MISMATCH',
  'CERTIFICATE_REFUSED',
  'HANDSHAKE_FAILED',
])

const answer = { type: 'Failure', code: 'FIRESTEEL_NOT_LEADER', message: 'nobody leads here' } as const
const isLinkDown = (message: Message): message is LinkDown => message.type === 'LinkDown'

/** A Master's real listener, with links, gateway and one actor. Only time is virtual. */
export class FuzzListener {
  readonly time = new VirtualTime()
  /** Codes of the connections that were rejected since this was emptied. */
  readonly rejected: string[] = []
  /** How links ended, and what could not be read from them, since this was emptied. */
  readonly ends: string[] = []
  readonly failures: unknown[] = []
  #system!: ActorSystem
  #gateway!: Gateway<Message>
  #listener!: Listener

  async open(): Promise<void> {
    this.#system = createSystem({
      name: `firesteel://${CLUSTER}@door:1`,
      clock: systemClock,
      epoch: () => 3,
      onFailure: ({ error }) => this.failures.push(error),
    })
    this.#gateway = new Gateway<Message>({
      system: this.#system,
      check: (message) => checked('master', message),
      isQuestion: (type) => isQuestion('master', type),
      remotePath: () => '/user/Worker',
    })
    const actor = this.#system.spawn<Message | LinkMessage>('Master', (context) => ({
      receive: (message, envelope) => {
        if (isLinkDown(message)) this.ends.push(message.end.kind)
        // Every question gets an answer, as from a Master.
        else if (envelope.ask !== undefined) context.reply(envelope, answer)
      },
    }))
    this.#gateway.serve(actor)
    this.#listener = await listen({
      host: HOST,
      port: 0,
      identity: { cluster: CLUSTER, incarnation: 'door-1' },
      keyFor: (role, subject) => keyOf(SECRET, role, subject),
      onLink: (link) => this.#gateway.attach(link),
      onRejected: ({ code, detail }) => {
        must(refusals.has(code) && detail.length > 0, `rejected with ${code}: ${detail}`)
        this.rejected.push(code)
      },
      onInvalid: ({ detail }) => must(detail.length > 0, 'invalid, and nobody knows why'),
      timers: this.time,
      clock: this.time,
    })
  }

  get port(): number {
    return this.#listener.port
  }

  get links(): number {
    return [...this.#gateway.links].length
  }

  gauges(): Record<string, number> {
    const { asked, unanswered } = this.#system.questions()
    return { 'timers of the door': this.time.pending, links: this.links, asked, unanswered }
  }

  /** Passes time until everything half-open has been given up. What is due gets its turn in between. */
  async passTime(): Promise<void> {
    const SECONDS = 12
    for (let second = 0; second < SECONDS; second++) {
      this.time.advance(1000)
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** A genuine peer must still be admitted and be able to send. */
  async letsIn(): Promise<void> {
    const handled = this.#system.counters.received
    const link = await this.#dial('guest-1')
    link.setReceiver(new Inbox())
    const message = { type: 'Heartbeat', workerId: 'w', sentAtMs: 1 }
    link.send({ from: '/user/Worker', to: '/user/Master', message, id: 1, trace: 1, epoch: 0 })
    await waitUntil('a genuine message', () => this.#system.counters.received > handled)
    link.close()
    await waitUntil('a genuine link to end', () => this.links === 0)
  }

  /** As many half-open connections must count as at the beginning. */
  async countsRight(): Promise<void> {
    const most = limits.openHandshakesPerAddress
    const before = this.time.pending
    const open = await Promise.all(Array.from({ length: most }, () => rawSocket(this.port)))
    await waitUntil(`${most} open handshakes`, () => this.time.pending === before + most)
    this.time.advance(limits.openHandshakeGraceMs)
    const link = await this.#dial('guest-2')
    link.close()
    await waitUntil('the oldest to be cut', () => open.some(({ destroyed }) => destroyed))
    must(open.filter(({ destroyed }) => destroyed).length === 1, 'more than the oldest was cut')
    for (const socket of open) socket.destroy()
    await waitUntil('them to be gone', () => this.time.pending === before)
  }

  #dial(incarnation: string) {
    return dial({
      host: HOST,
      port: this.port,
      identity: { cluster: CLUSTER, incarnation },
      role: 'node',
      tls: undefined,
      key: keyOf(SECRET, 'node'),
    })
  }

  async close(): Promise<void> {
    this.#gateway.closeAll('the end')
    await this.#listener.close()
    await this.passTime()
    await this.#system.shutdown()
  }
}
