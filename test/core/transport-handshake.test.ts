import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AcceptorHandshake, DialerHandshake, type HandshakeStep } from '../../runtime/transport/handshake.js'
import { readHandshake } from '../../runtime/transport/handshake-message.js'
import type { Role } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { ProtocolRange } from '../../runtime/transport/protocol-range.js'
import { describeRange } from '../../runtime/version-range.js'
import { SECRET } from '../tools/transport-support.js'

let nonces = 0
const nonce = (): Buffer => Buffer.alloc(32, ++nonces)
const key = deriveKey(SECRET, 'node')

interface Sides {
  dialerKey?: Buffer
  acceptorKey?: Buffer | undefined
  role?: Role
  subject?: string
  cluster?: string
  incarnation?: string
  dialerBinding?: Buffer
  acceptorBinding?: Buffer
}

function sides(options: Sides = {}): { dialer: DialerHandshake; acceptor: AcceptorHandshake } {
  const dialer = new DialerHandshake({
    identity: {
      cluster: options.cluster ?? 'test',
      incarnation: options.incarnation ?? 'worker-1',
      advertise: '[::1]:7071',
    },
    nodeMajor: 20,
    nonce: nonce(),
    role: options.role ?? 'node',
    subject: options.subject,
    key: options.dialerKey ?? key,
    channelBinding: options.dialerBinding,
  })
  const acceptorKey = 'acceptorKey' in options ? options.acceptorKey : key
  const acceptor = new AcceptorHandshake({
    identity: { cluster: 'test', incarnation: 'master-1' },
    nodeMajor: 22,
    nonce: nonce(),
    keyFor: () => acceptorKey,
    channelBinding: options.acceptorBinding,
  })
  return { dialer, acceptor }
}

/** Plays both sides; gives the last step of each and the bodies in order. */
function play(
  { dialer, acceptor }: ReturnType<typeof sides>,
  meddle = (body: Buffer): Buffer => body,
): { dialled: HandshakeStep | undefined; accepted: HandshakeStep | undefined; bodies: Buffer[] } {
  const bodies: Buffer[] = []
  let dialled: HandshakeStep | undefined
  let accepted: HandshakeStep | undefined
  let body: Buffer | undefined = dialer.start()
  for (let turn = 0; body !== undefined; turn++) {
    bodies.push(body)
    const step: HandshakeStep = turn % 2 === 0 ? acceptor.receive(meddle(body)) : dialer.receive(meddle(body))
    if (turn % 2 === 0) accepted = step
    else dialled = step
    body = step.send
  }
  return { dialled, accepted, bodies }
}

const codeOf = (step: HandshakeStep | undefined): string | undefined =>
  step?.kind === 'refused' ? step.code : step?.kind

test('both sides learn who the other is, and the dialer proves first', () => {
  const { dialled, accepted, bodies } = play(sides())
  assert.deepEqual(accepted?.kind === 'linked' && accepted.peer, {
    role: 'node',
    protocol: 1,
    incarnation: 'worker-1',
    cluster: 'test',
    advertise: '[::1]:7071',
    nodeMajor: 20,
  })
  assert.deepEqual(dialled?.kind === 'linked' && dialled.peer, {
    role: 'node',
    protocol: 1,
    incarnation: 'master-1',
    cluster: 'test',
    nodeMajor: 22,
  })
  const types = bodies.map((body) => readHandshake(body)?.type)
  assert.deepEqual(types, ['hello', 'hello-back', 'proof', 'proof'])
  assert.ok(bodies.every((body) => body.length <= 1024))
})

const client = deriveKey(SECRET, 'client')
const application = deriveKey(client, 'application', 'app-1')
const table: [string, Sides, string, string][] = [
  [
    'an application, its key derived at both ends',
    {
      role: 'application',
      subject: 'app-1',
      dialerKey: application,
      acceptorKey: deriveKey(client, 'application', 'app-1'),
    },
    'linked',
    'linked',
  ],
  [
    'the key of another application',
    {
      role: 'application',
      subject: 'app-1',
      dialerKey: deriveKey(client, 'application', 'app-2'),
      acceptorKey: application,
    },
    'SECRET_WRONG',
    'SECRET_WRONG',
  ],
  [
    'a wrong secret',
    { dialerKey: deriveKey('another secret than that of the tests', 'node') },
    'SECRET_WRONG',
    'SECRET_WRONG',
  ],
  ['a client key where a node is claimed', { dialerKey: client }, 'SECRET_WRONG', 'SECRET_WRONG'],
  [
    'a subject that nobody knows',
    { role: 'driver', subject: 'driver-1/3', acceptorKey: undefined },
    'SECRET_WRONG',
    'SECRET_WRONG',
  ],
  ['another cluster', { cluster: 'other' }, 'CLUSTER_MISMATCH', 'CLUSTER_MISMATCH'],
  ['our own incarnation', { incarnation: 'master-1' }, 'HANDSHAKE_FAILED', 'HANDSHAKE_FAILED'],
  [
    'the same TLS channel',
    { dialerBinding: Buffer.from('c1'), acceptorBinding: Buffer.from('c1') },
    'linked',
    'linked',
  ],
  [
    'another TLS channel (somebody between)',
    { dialerBinding: Buffer.from('c1'), acceptorBinding: Buffer.from('c2') },
    'SECRET_WRONG',
    'SECRET_WRONG',
  ],
]
for (const [name, options, dialledCode, acceptedCode] of table) {
  test(`${name}: ${acceptedCode}`, () => {
    const { dialled, accepted } = play(sides(options))
    assert.equal(codeOf(accepted), acceptedCode)
    assert.equal(codeOf(dialled), dialledCode)
  })
}

test('a client that knows no cluster name is let in by its key and learns the name', () => {
  const { dialled, accepted } = play(
    sides({ cluster: '', role: 'client', dialerKey: client, acceptorKey: client }),
  )
  assert.equal(dialled?.kind === 'linked' && dialled.peer.cluster, 'test')
  assert.equal(accepted?.kind === 'linked' && accepted.peer.cluster, 'test')
  assert.equal(
    codeOf(play(sides({ cluster: '', role: 'client', acceptorKey: client })).accepted),
    'SECRET_WRONG',
  )
  assert.throws(() => sides({ cluster: '' }), { code: 'FIRESTEEL_HANDSHAKE_FAILED' }, 'nobody else may')
  const { type: _, role: __, ...self } = hello
  assert.equal(
    readHandshake(Buffer.from(JSON.stringify({ ...self, type: 'hello-back', cluster: '' }))),
    undefined,
  )
})

test('the unproven get no proof', () => {
  const { bodies } = play(sides({ dialerKey: deriveKey('another secret than that of the tests', 'node') }))
  assert.deepEqual(
    bodies.map((body) => readHandshake(body)?.type),
    ['hello', 'hello-back', 'proof', 'refused'],
  )
})

test('another version is refused on both sides, whatever else its hello holds', () => {
  const later = Buffer.from(JSON.stringify({ type: 'hello', protocols: '2-3', shape: ['new'] }))
  const { dialer, acceptor } = sides()
  const step = acceptor.receive(later)
  assert.equal(codeOf(step), 'VERSION_UNSUPPORTED')
  assert.equal(codeOf(dialer.receive(step.send as Buffer)), 'VERSION_UNSUPPORTED')
  const back = Buffer.from(JSON.stringify({ type: 'hello-back', protocols: '2-2' }))
  assert.equal(codeOf(sides().dialer.receive(back)), 'VERSION_UNSUPPORTED')
})

test('the highest protocol that both speak is used, whoever dials', () => {
  for (const [dialer, acceptor, common] of [
    [{ min: 1, max: 1 }, { min: 1, max: 1 }, 1],
    [{ min: 1, max: 2 }, { min: 1, max: 1 }, 1],
    [{ min: 1, max: 2 }, { min: 2, max: 3 }, 2],
    [{ min: 2, max: 5 }, { min: 1, max: 9 }, 5],
    [{ min: 1, max: 1 }, { min: 2, max: 3 }, undefined],
    [{ min: 4, max: 5 }, { min: 2, max: 3 }, undefined],
  ] as const) {
    const key = deriveKey(SECRET, 'node')
    const side = (incarnation: string, protocols: ProtocolRange, fill: number) => ({
      identity: { cluster: 'test', incarnation },
      nodeMajor: 20,
      nonce: Buffer.alloc(32, fill),
      protocols,
    })
    const one = new DialerHandshake({ ...side('d-1', dialer, 1), role: 'node', key })
    const other = new AcceptorHandshake({ ...side('a-1', acceptor, 2), keyFor: () => key })
    const { dialled, accepted } = play({ dialer: one, acceptor: other })
    if (common === undefined) {
      const ranges = [describeRange(dialer), describeRange(acceptor)]
      assert.equal(
        accepted?.kind === 'refused' && accepted.detail,
        `it speaks protocol ${ranges[0]}, we speak ${ranges[1]}`,
      )
      assert.equal(
        dialled?.kind === 'refused' && dialled.detail,
        `it speaks protocol ${ranges[1]}, we speak ${ranges[0]}`,
      )
      assert.deepEqual([codeOf(dialled), codeOf(accepted)], ['VERSION_UNSUPPORTED', 'VERSION_UNSUPPORTED'])
    } else {
      assert.equal(accepted?.kind === 'linked' && accepted.peer.protocol, common)
      assert.equal(dialled?.kind === 'linked' && dialled.peer.protocol, common)
    }
  }
})

test('a range that somebody between has lowered is no range that was proved', () => {
  const { dialled, accepted } = play(sides(), (body) => {
    const fields = JSON.parse(body.toString()) as { type: string; protocols?: string }
    return fields.type === 'hello' ? Buffer.from(JSON.stringify({ ...fields, protocols: '0-1' })) : body
  })
  assert.equal(codeOf(accepted), 'SECRET_WRONG')
  assert.equal(codeOf(dialled), 'SECRET_WRONG')
})

test('a recorded handshake fits no second link', () => {
  const { bodies } = play(sides())
  const { acceptor } = sides()
  assert.equal(acceptor.receive(bodies[0] as Buffer).kind, 'waiting')
  assert.equal(codeOf(acceptor.receive(bodies[2] as Buffer)), 'SECRET_WRONG')
  const { dialer } = sides()
  assert.equal(dialer.receive(bodies[1] as Buffer).kind, 'waiting')
  assert.equal(codeOf(dialer.receive(bodies[3] as Buffer)), 'SECRET_WRONG')
})

test('what a side said, sent back to it, does not let anybody in', () => {
  const { dialer } = sides()
  const hello = dialer.start()
  assert.equal(codeOf(dialer.receive(hello)), 'HANDSHAKE_FAILED')
  const asBack = JSON.parse(hello.toString()) as Record<string, unknown>
  const { role: _, ...self } = asBack
  const reflected = Buffer.from(JSON.stringify({ ...self, type: 'hello-back', incarnation: 'mirror' }))
  assert.equal(codeOf(sides().dialer.receive(reflected)), 'waiting', 'another nonce is no reflection')
  assert.equal(codeOf(dialer.receive(reflected)), 'HANDSHAKE_FAILED')

  const second = sides()
  const back = second.acceptor.receive(second.dialer.start())
  const proof = second.dialer.receive(back.send as Buffer)
  assert.equal(
    codeOf(second.dialer.receive(proof.send as Buffer)),
    'SECRET_WRONG',
    'labels differ by direction',
  )
})

test('a change to any byte of the handshake links nobody on the side that sees it', () => {
  const length = play(sides()).bodies.map((body) => body.length)
  fc.assert(
    fc.property(fc.nat(3), fc.nat(2000), fc.integer({ min: 1, max: 255 }), (message, place, flip) => {
      let turn = 0
      const meddle = (body: Buffer): Buffer => {
        if (turn++ !== message) return body
        const changed = Buffer.from(body)
        const at = place % (length[message] as number)
        changed[at] = (changed[at] as number) ^ flip
        return changed
      }
      const { dialled, accepted } = play(sides(), meddle)
      if (message < 3) assert.notEqual(accepted?.kind, 'linked')
      assert.notEqual(dialled?.kind, 'linked')
    }),
    { numRuns: 300 },
  )
})

const hello = JSON.parse(sides().dialer.start().toString()) as Record<string, unknown>
const malformed: [string, unknown][] = [
  ['no object', []],
  ['an unknown role', { ...hello, role: 'admin' }],
  ['a role from the prototype', { ...hello, role: 'constructor' }],
  ['a subject for a node', { ...hello, subject: 'x' }],
  ['no subject for a driver', { ...hello, role: 'driver' }],
  ['a short nonce', { ...hello, nonce: 'abcd' }],
  ['a nonce that is no hex', { ...hello, nonce: 'z'.repeat(64) }],
  ['a control character', { ...hello, incarnation: 'a\nb' }],
  ['an empty cluster', { ...hello, cluster: '' }],
  ['a long incarnation', { ...hello, incarnation: 'x'.repeat(129) }],
  ['an address without port', { ...hello, advertise: 'host' }],
  ['an address with a path', { ...hello, advertise: 'host:80/x' }],
  ['a port over 65535', { ...hello, advertise: 'host:65536' }],
  ['a fractional major', { ...hello, nodeMajor: 20.5 }],
  ['a protocol that is no range', { ...hello, protocols: '1' }],
  ['a range that is upside down', { ...hello, protocols: '2-1' }],
  ['a range of numbers', { ...hello, protocols: [1, 1] }],
  ['a protocol over 65535', { ...hello, protocols: '1-65536' }],
  ['a proof of the wrong length', { type: 'proof', mac: 'ab' }],
  ['a refusal without protocols', { type: 'refused', code: 'SECRET_WRONG' }],
]
for (const [name, message] of malformed) {
  test(`a message with ${name} is none`, () => {
    const body = Buffer.from(JSON.stringify(message))
    assert.equal(readHandshake(body), undefined)
    assert.equal(codeOf(sides().acceptor.receive(body)), 'HANDSHAKE_FAILED')
    assert.equal(codeOf(sides().dialer.receive(body)), 'HANDSHAKE_FAILED')
  })
}

test('random bytes and messages out of turn never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readHandshake(Buffer.from(bytes))))
  const { bodies } = play(sides())
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 6 }), (order) => {
      const { dialer, acceptor } = sides()
      for (const index of order) {
        assert.notEqual(acceptor.receive(bodies[index] as Buffer).kind, 'linked')
        assert.notEqual(dialer.receive(bodies[index] as Buffer).kind, 'linked')
      }
    }),
  )
})

test('names of our own that fit no handshake are refused at once', () => {
  assert.throws(() => sides({ cluster: 'a\tb' }), { code: 'FIRESTEEL_HANDSHAKE_FAILED' })
  assert.throws(() => sides({ role: 'application' }), { code: 'FIRESTEEL_HANDSHAKE_FAILED' })
})

test('keys differ by role, subject and parent, and a short secret is refused', () => {
  const keys = [
    deriveKey(SECRET, 'node'),
    deriveKey(SECRET, 'client'),
    deriveKey(SECRET, 'driver', 'driver-1/1'),
    deriveKey(SECRET, 'driver', 'driver-1/2'),
    deriveKey(client, 'application', 'app-1'),
    deriveKey(deriveKey(SECRET, 'driver', 'driver-1/1'), 'application', 'app-1'),
  ]
  assert.equal(new Set(keys.map((each) => each.toString('hex'))).size, keys.length)
  assert.deepEqual(deriveKey(Buffer.from(SECRET), 'node'), deriveKey(SECRET, 'node'))
  assert.throws(() => deriveKey('s'.repeat(31), 'node'), { code: 'FIRESTEEL_SECRET_TOO_SHORT' })
  assert.equal(deriveKey('s'.repeat(32), 'node').length, 32)
})
