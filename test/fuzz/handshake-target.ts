import { Buffer } from 'node:buffer'
import { limits } from '../../runtime/limits.js'
import { AcceptorHandshake, DialerHandshake, type HandshakeStep } from '../../runtime/transport/handshake.js'
import { readHandshake } from '../../runtime/transport/handshake-message.js'
import { applyEdits, type Edit, makeEdits } from './edits.js'
import { callers, keyOf, SECRET } from './handshake-keys.js'
import type { Random } from './random.js'
import { must, type Target } from './target.js'

/** One message that reaches a side. */
export interface Delivery {
  readonly to: 'acceptor' | 'dialer'
  /**
   * `next`: what the other side said last. `again`: the same once more. `mirror`: what this side said itself.
   * `recorded`: a message of an older session. `raw`: any bytes.
   */
  readonly what: 'next' | 'again' | 'mirror' | 'recorded' | 'raw'
  /** The number of the recorded message. */
  readonly number: number
  readonly bytes: Buffer
  readonly edits: readonly Edit[]
}

export interface HandshakeInput {
  readonly caller: number
  /** Do both sides know the secret? Is there a key for this role at all? */
  readonly keys: 'same' | 'other' | 'none'
  readonly nonces: readonly [dialer: Buffer, acceptor: Buffer]
  readonly deliveries: readonly Delivery[]
}

const CLUSTER = 'fuzz'
const OTHER_SECRET = 'another secret of the fuzzer, long enough'
const NONCE_BYTES = 32
const refusals: ReadonlySet<string> = new Set([
  'SECRET_WRONG',
  'CLUSTER_MISMATCH',
  'VERSION_UNSUPPORTED',
  'CREDENTIAL_ENDED',
  'TLS_MISMATCH',
  'CERTIFICATE_REFUSED',
  'HANDSHAKE_FAILED',
])

type Makers = Pick<typeof handshakes, 'acceptor' | 'dialer'>
/** The code under test. A test puts a broken version in its place. */
export const handshakes = {
  acceptor: (...parts: ConstructorParameters<typeof AcceptorHandshake>) => new AcceptorHandshake(...parts),
  dialer: (...parts: ConstructorParameters<typeof DialerHandshake>) => new DialerHandshake(...parts),
}

/** One handshake in memory, with everything that each side received and sent. */
class Session {
  readonly #input: HandshakeInput
  readonly #acceptor: AcceptorHandshake
  readonly #dialer: DialerHandshake
  readonly #said = { acceptor: [] as Buffer[], dialer: [] as Buffer[] }
  readonly #received = { acceptor: [] as Buffer[], dialer: [] as Buffer[] }
  readonly #taken = { acceptor: 0, dialer: 0 }
  readonly over = new Map<'acceptor' | 'dialer', HandshakeStep>()

  constructor(input: HandshakeInput, makers: Makers) {
    this.#input = input
    const { role, subject } = callers[input.caller % callers.length]!
    const [dialerNonce, acceptorNonce] = input.nonces
    this.#dialer = makers.dialer({
      identity: { cluster: CLUSTER, incarnation: 'dialer-1', advertise: '[::1]:7071' },
      nodeMajor: 20,
      nonce: dialerNonce,
      role,
      subject,
      key: keyOf(input.keys === 'other' ? OTHER_SECRET : SECRET, role, subject),
    })
    this.#acceptor = makers.acceptor({
      identity: { cluster: CLUSTER, incarnation: 'acceptor-1' },
      nodeMajor: 22,
      nonce: acceptorNonce,
      keyFor: (...of) => (input.keys === 'none' ? undefined : keyOf(SECRET, ...of)),
    })
    this.#said.dialer.push(this.#dialer.start())
  }

  deliver(delivery: Delivery, recorded: readonly Buffer[]): void {
    const { to } = delivery
    if (this.over.has(to)) return
    const source = this.#source(delivery, recorded)
    if (source === undefined) return
    const body = applyEdits(source, delivery.edits)
    // The transport drops a larger frame before it gets here.
    if (body.length > limits.handshakeBytes) return
    this.#received[to].push(body)
    const step = to === 'acceptor' ? this.#acceptor.receive(body) : this.#dialer.receive(body)
    if (step.send !== undefined) this.#sent(to, step.send)
    if (step.kind === 'waiting') return
    this.over.set(to, step)
    if (step.kind === 'refused') must(refusals.has(step.code), `refused with ${step.code}`)
    else this.#linked(to)
  }

  #source({ to, what, number, bytes }: Delivery, recorded: readonly Buffer[]): Buffer | undefined {
    const other = to === 'acceptor' ? 'dialer' : 'acceptor'
    if (what === 'next') return this.#said[other][this.#taken[other]++]
    if (what === 'again') return this.#received[to].at(-1)
    if (what === 'mirror') return this.#said[to].at(-1)
    return what === 'recorded' ? recorded[number % recorded.length] : bytes
  }

  #sent(by: 'acceptor' | 'dialer', body: Buffer): void {
    this.#said[by].push(body)
    must(body.length <= limits.handshakeBytes, `a message of ${body.length} bytes`)
    const message = readHandshake(body)
    must(message !== undefined, 'a message that nobody can read')
    const proves = message.type === 'proof'
    // A dialer that has proved nothing gets no proof, because it could guess the secret from one (protocol
    // 16).
    if (by === 'acceptor')
      must(!proves || this.#isGenuine('acceptor'), 'a proof for a peer that has proved nothing')
  }

  #linked(side: 'acceptor' | 'dialer'): void {
    must(this.#isGenuine(side), `the ${side} is linked with a peer that proved nothing`)
  }

  /** Did each side receive exactly the other's hello, and the proof that the other made for it? */
  #isGenuine(side: 'acceptor' | 'dialer'): boolean {
    if (this.#input.keys !== 'same') return false
    const { said, received } = { said: this.#said, received: this.#received }
    const hellos =
      received.acceptor[0]?.equals(said.dialer[0]!) === true &&
      received.dialer[0]?.equals(said.acceptor[0]!) === true
    const other = side === 'acceptor' ? 'dialer' : 'acceptor'
    return (
      hellos && macOf(received[side].at(-1)) === macOf(said[other][1]) && macOf(said[other][1]) !== undefined
    )
  }

  /** What both sides sent. */
  get transcript(): Buffer[] {
    return [...this.#said.dialer, ...this.#said.acceptor]
  }
}

function macOf(body: Buffer | undefined): string | undefined {
  const message = body && readHandshake(body)
  return message?.type === 'proof' ? message.mac : undefined
}

const genuine: readonly Delivery[] = (['acceptor', 'dialer', 'acceptor', 'dialer'] as const).map((to) => ({
  to,
  what: 'next',
  number: 0,
  bytes: Buffer.alloc(0),
  edits: [],
}))

/**
 * Both sides of a handshake in memory. No peer is admitted without a proof, whatever is said in whatever
 * order.
 */
export class HandshakeTarget implements Target<HandshakeInput> {
  readonly name = 'handshake'
  readonly atOnce = 1
  readonly #makers: Makers
  /** Recorded messages of older sessions that succeeded, one session per role. */
  readonly #recorded: readonly Buffer[]

  constructor(makers: Makers = handshakes) {
    this.#makers = makers
    this.#recorded = [
      ...callers.flatMap((_, caller) => {
        const nonces = [
          Buffer.alloc(NONCE_BYTES, 2 * caller + 1),
          Buffer.alloc(NONCE_BYTES, 2 * caller + 2),
        ] as const
        const session = new Session({ caller, keys: 'same', nonces, deliveries: [] }, handshakes)
        for (const delivery of genuine) session.deliver(delivery, [])
        return session.transcript
      }),
      Buffer.from('{"type":"refused","code":"SECRET_WRONG","protocols":"1-1"}'),
      Buffer.from('{"type":"hello","protocols":"2-3","new":[]}'),
      Buffer.from('{"type":"hello-back","protocols":"65535-65535"}'),
    ]
  }

  generate(random: Random): HandshakeInput {
    const keys = random.oneIn(8) ? random.pick(['other', 'none'] as const) : 'same'
    const nonces = [random.bytes(NONCE_BYTES), random.bytes(NONCE_BYTES)] as const
    const deliveries: Delivery[] = [...genuine]
    for (let changes = random.oneIn(10) ? 0 : 1 + random.int(2); changes > 0; changes--)
      this.#change(random, deliveries)
    return { caller: random.int(callers.length), keys, nonces, deliveries }
  }

  #change(random: Random, deliveries: Delivery[]): void {
    const at = random.int(deliveries.length + 1)
    const former = deliveries[at]
    switch (random.int(5)) {
      case 0:
        deliveries.splice(at, 1)
        return
      case 1:
        deliveries.splice(at, 0, this.#anyDelivery(random))
        return
      case 2:
        deliveries[at] = this.#anyDelivery(random)
        return
      default:
        if (former) deliveries[at] = { ...former, edits: makeEdits(random, 3, this.#recorded) }
    }
  }

  #anyDelivery(random: Random): Delivery {
    const what = random.pick(['next', 'again', 'mirror', 'recorded', 'raw'] as const)
    return {
      to: random.pick(['acceptor', 'dialer'] as const),
      what,
      number: random.int(this.#recorded.length),
      bytes: what === 'raw' ? random.bytes(random.size(200)) : Buffer.alloc(0),
      edits: random.oneIn(2) ? [] : makeEdits(random, 3, this.#recorded),
    }
  }

  run(inputs: readonly HandshakeInput[]): string[] {
    return inputs.map((input) => {
      const session = new Session(input, this.#makers)
      for (const delivery of input.deliveries) session.deliver(delivery, this.#recorded)
      const step = session.over.get('acceptor') ?? session.over.get('dialer')
      if (step === undefined) return 'unfinished'
      return step.kind === 'refused' ? step.code : step.kind
    })
  }
}
