import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFiresteelError } from '../../runtime/errors.js'
import { DialError, type DialOptions } from '../../runtime/transport/dial.js'
import { Dialer, type DialerOptions } from '../../runtime/transport/dialer.js'
import { newIncarnation } from '../../runtime/transport/identity.js'
import type { Link } from '../../runtime/transport/link.js'
import type { LinkEnd } from '../../runtime/transport/link-end.js'
import { waitUntil } from '../harness/wait-until.js'
import { Inbox, NODE_KEY, startHost } from '../tools/transport-support.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* Dialer: one kept link to each of several addresses, one to each peer (protocol R0, R3). */

/** A link without a socket. */
class FakeLink {
  readonly peer: { readonly incarnation: string }
  isOpen = true
  readonly #listeners: ((end: LinkEnd) => void)[] = []

  constructor(incarnation: string) {
    this.peer = { incarnation }
  }

  close(): void {
    this.end('local')
  }

  end(kind: LinkEnd['kind']): void {
    if (!this.isOpen) return
    this.isOpen = false
    for (const listener of this.#listeners) listener({ kind, detail: '' })
  }

  whenEnded(listener: (end: LinkEnd) => void): void {
    this.#listeners.push(listener)
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A network of addresses on virtual time: who answers where, who refuses, who is silent. */
class Network {
  readonly time = new VirtualTime()
  readonly peers = new Map<string, string>()
  readonly silent = new Set<string>()
  readonly wrongSecret = new Set<string>()
  /** What a dial there waits for. */
  readonly gates = new Map<string, Promise<void>>()
  readonly dials: string[] = []
  readonly links: { address: string; link: FakeLink }[] = []
  readonly events: string[] = []
  readonly dialer: Dialer

  constructor(options: Partial<DialerOptions> = {}) {
    this.dialer = new Dialer({
      identity: { cluster: 'test', incarnation: 'me-1' },
      role: 'node',
      tls: undefined,
      key: NODE_KEY,
      clock: this.time,
      timers: this.time,
      random: () => 0.5,
      dialWith: (dialled) => this.#dial(dialled),
      onLink: (address, link) => this.#linked(address, link as unknown as FakeLink),
      onFailed: (address, error) => this.events.push(`${error.refused ? 'refused' : 'failed'} ${address}`),
      onRefused: (address, { code }) => this.events.push(`${code} ${address}`),
      ...options,
    })
  }

  get open(): string[] {
    return this.links.filter(({ link }) => link.isOpen).map(({ address }) => address)
  }

  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10) {
      this.time.advance(Math.min(10, left))
      await turn()
    }
  }

  /** R3: the peer lets the older link to it go. */
  #linked(address: string, link: FakeLink): void {
    const older = this.links.find(
      (each) => each.link.isOpen && each.link.peer.incarnation === link.peer.incarnation,
    )
    this.links.push({ address, link })
    older?.link.end('replaced')
  }

  #dial({ host, port, signal }: DialOptions): Promise<Link> {
    const at = `${host}:${port}`
    this.dials.push(at)
    const peer = this.peers.get(at)
    const fail = (code: 'SECRET_WRONG' | 'LINK_CLOSED', refused = false) =>
      Promise.reject(new DialError(code, `no link to ${at}`, {}, refused))
    if (this.wrongSecret.has(at)) return fail('SECRET_WRONG')
    if (this.silent.has(at)) {
      return new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(new DialError('LINK_CLOSED', 'given up', {}, false)))
      })
    }
    if (peer === undefined) return fail('LINK_CLOSED', true)
    const gate = this.gates.get(at) ?? Promise.resolve()
    return gate.then(() => new FakeLink(peer) as unknown as Link)
  }
}

const LOCALHOST = 'firesteel://localhost:7070'
const LOOPBACK = 'firesteel://127.0.0.1:7070'

test('each address is opened once, however often and however written; the port may be left out', async () => {
  const network = new Network()
  network.dialer.open('firesteel://a:7070,b:7071')
  network.dialer.open('firesteel://a')
  assert.deepEqual(network.dialer.addresses, ['firesteel://a:7070', 'firesteel://b:7071'])
  assert.deepEqual(network.dials, ['a:7070', 'b:7071'])
  assert.throws(() => network.dialer.open('a:7070'), isFiresteelError)
  network.dialer.closeAll()
  network.dialer.open('firesteel://c:1')
  assert.deepEqual(network.dialer.addresses, [])
  assert.equal(network.dials.length, 2)
  await turn()
})

test('of two addresses of one peer the newest link stays and the other rests, until that fails', async () => {
  const network = new Network()
  network.peers.set('localhost:7070', 'm1').set('127.0.0.1:7070', 'm1')
  network.dialer.open(LOCALHOST)
  await network.advance(10)
  network.dialer.open(LOOPBACK)
  await network.advance(10_000)
  assert.deepEqual(network.open, [LOOPBACK])
  assert.deepEqual(network.dials, ['localhost:7070', '127.0.0.1:7070'], 'no contest between the two')

  network.peers.delete('127.0.0.1:7070')
  network.links.at(-1)!.link.end('closed-by-peer')
  await network.advance(100)
  assert.deepEqual(network.open, [LOCALHOST])
  network.dialer.closeAll()
})

test('the peer lets the older link go before the newer one is known here: that one rests all the same', async () => {
  const network = new Network()
  network.peers.set('localhost:7070', 'm1').set('127.0.0.1:7070', 'm1')
  let arrive = (): void => {}
  network.gates.set('127.0.0.1:7070', new Promise((resolve) => (arrive = resolve)))
  network.dialer.open(`${LOCALHOST},127.0.0.1:7070`)
  await network.advance(10)
  assert.deepEqual(network.open, [LOCALHOST])
  network.links[0]!.link.end('closed-by-peer')
  arrive()
  await network.advance(10_000)
  assert.deepEqual(network.dials, ['localhost:7070', '127.0.0.1:7070'], 'the newer link is left in peace')
  assert.deepEqual(network.open, [LOOPBACK])

  network.peers.delete('127.0.0.1:7070')
  network.links.at(-1)!.link.end('closed-by-peer')
  await network.advance(100)
  assert.deepEqual(network.open, [LOCALHOST], 'it wakes as ever')
  network.dialer.closeAll()
})

test('the address that rests wakes when the other leads to another peer, or is closed', async () => {
  const network = new Network()
  network.peers.set('localhost:7070', 'm1').set('127.0.0.1:7070', 'm1')
  network.dialer.open(`${LOCALHOST},127.0.0.1:7070`)
  await network.advance(10)
  assert.deepEqual(network.open, [LOOPBACK])
  network.peers.set('127.0.0.1:7070', 'm2')
  network.links.at(-1)!.link.end('reset')
  await network.advance(1000)
  assert.deepEqual(network.open.toSorted(), [LOOPBACK, LOCALHOST])

  const other = new Network()
  other.peers.set('localhost:7070', 'm1').set('127.0.0.1:7070', 'm1')
  other.dialer.open(`${LOCALHOST},127.0.0.1:7070`)
  await other.advance(10)
  other.dialer.close(LOOPBACK)
  await other.advance(10)
  assert.deepEqual(other.open, [LOCALHOST])
  assert.deepEqual(other.dialer.addresses, [LOCALHOST])
  network.dialer.closeAll()
  other.dialer.closeAll()
})

test('close ends link and dialling at one address and no other; it may be opened again', async () => {
  const network = new Network()
  network.peers.set('a:1', 'm1').set('b:1', 'm2')
  network.dialer.open('firesteel://a:1,b:1,c:1')
  await network.advance(10)
  network.dialer.close('firesteel://a:1')
  network.dialer.close('firesteel://c:1')
  network.dialer.close('firesteel://never:1')
  const { length } = network.dials
  await network.advance(1000)
  assert.deepEqual(network.open, ['firesteel://b:1'])
  assert.equal(network.dials.length, length)
  network.dialer.open('firesteel://a:1')
  await network.advance(10)
  assert.deepEqual(network.open, ['firesteel://b:1', 'firesteel://a:1'])
  network.dialer.closeAll()
  assert.deepEqual(network.open, [])
  assert.equal(network.time.pending, 0)
})

test('refusals: where the kernel refuses now, with the beginning of the newest such dial', async () => {
  const network = new Network()
  network.peers.set('up:1', 'm1')
  network.silent.add('silent:1')
  network.wrongSecret.add('foreign:1')
  network.dialer.open('firesteel://up:1,dead:1,silent:1,foreign:1')
  await network.advance(2000)
  const [refusal, ...others] = network.dialer.refusals()
  assert.deepEqual(others, [])
  assert.equal(refusal?.address, 'firesteel://dead:1')
  assert.ok(refusal.dialledAtBootMs > 1500 && refusal.dialledAtBootMs <= 2000, `${refusal.dialledAtBootMs}`)
  assert.ok(network.events.includes('FIRESTEEL_SECRET_WRONG firesteel://foreign:1'))
  network.peers.set('dead:1', 'm2')
  await network.advance(500)
  assert.deepEqual(network.dialer.refusals(), [], 'somebody answers there')
  network.dialer.closeAll()
})

test('refusals: an address that fell silent after it refused is known no more', async () => {
  const network = new Network()
  network.dialer.open('firesteel://dead:1')
  await network.advance(100)
  assert.equal(network.dialer.refusals().length, 1)
  network.peers.set('dead:1', 'm1')
  await network.advance(500)
  network.silent.add('dead:1')
  network.links.at(-1)!.link.end('silent')
  await network.advance(2000)
  assert.deepEqual(network.dialer.refusals(), [])
  network.dialer.closeAll()
})

test('over real sockets: links, a refusal with its time, and the identity asked for each link anew', async (t) => {
  const host = await startHost()
  t.after(() => host.close())
  let lives = 0
  const refused: number[] = []
  const dialer = new Dialer({
    identity: () => ({ cluster: 'test', incarnation: `me-${++lives}` }),
    role: 'node',
    tls: undefined,
    key: NODE_KEY,
    onLink: (_, link) => link.setReceiver(new Inbox()),
    onFailed: (_, { refused: isRefused }, dialledAtBootMs) => isRefused && refused.push(dialledAtBootMs),
  })
  t.after(() => dialer.closeAll())
  const { port } = host.listener
  dialer.open(`firesteel://127.0.0.1:${port}`)
  await waitUntil('the link', () => host.links.length === 1)
  await host.close()
  await waitUntil('refusals', () => refused.length >= 2)
  assert.ok(refused[1]! >= refused[0]!)
  assert.ok(lives >= 2)
})

test('an incarnation is its name and 64 random bits', () => {
  const [first, second] = [newIncarnation('w1'), newIncarnation('w1')]
  assert.match(first, /^w1-[0-9a-f]{16}$/)
  assert.notEqual(first, second)
})
