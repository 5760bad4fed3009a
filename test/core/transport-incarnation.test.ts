import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AcceptorHandshake, DialerHandshake, type HandshakeStep } from '../../runtime/transport/handshake.js'
import type { RefusalCode } from '../../runtime/transport/handshake-message.js'
import { IncarnationKey, isKeyed } from '../../runtime/transport/incarnation-key.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { SECRET } from '../tools/transport-support.js'

/* A client's incarnation is named after a key of its own: nobody else links under that name. */

const client = deriveKey(SECRET, 'client')
const another = deriveKey('this is the secret of another cluster', 'client')
let nonces = 0

interface Parts {
  readonly incarnation: string
  readonly own?: IncarnationKey | undefined
  readonly key?: Buffer
  readonly refusal?: RefusalCode
  /** What comes between the dialer's proof and the acceptor. */
  readonly meddle?: (proof: Record<string, unknown>) => object
}

function play({ incarnation, own, key = client, refusal, meddle }: Parts) {
  const side = { nodeMajor: 20, nonce: Buffer.alloc(32, ++nonces) }
  const dialer = new DialerHandshake({
    ...side,
    identity: { cluster: 'test', incarnation, own },
    role: 'client',
    key,
  })
  const asked: unknown[] = []
  const acceptor = new AcceptorHandshake({
    ...side,
    nonce: Buffer.alloc(32, ++nonces),
    identity: { cluster: 'test', incarnation: 'master-1' },
    keyFor: () => client,
    refuses: (...of) => {
      asked.push(of)
      return refusal
    },
  })
  const back = acceptor.receive(dialer.start())
  const proof = dialer.receive(back.send!).send!
  const given = meddle ? Buffer.from(JSON.stringify(meddle(JSON.parse(proof.toString())))) : proof
  const accepted = acceptor.receive(given)
  const dialled = accepted.send && dialer.receive(accepted.send)
  const outcome = (step: HandshakeStep | undefined) => (step?.kind === 'refused' ? step.code : step?.kind)
  return { accepted: outcome(accepted), dialled: outcome(dialled), proof: proof.toString(), asked }
}

test('the holder of the key links under the name that the key gives, again and again', () => {
  const own = new IncarnationKey('client')
  const { incarnation } = own
  assert.match(incarnation, /^client-k[0-9a-f]{32}$/)
  assert.ok(isKeyed(incarnation))
  for (let link = 0; link < 3; link++) assert.equal(play({ incarnation, own }).dialled, 'linked')
  assert.notEqual(new IncarnationKey('client').incarnation, incarnation)
})

test('whoever knows the name of a client, and holds the same credential, does not link under it', () => {
  const own = new IncarnationKey('client')
  const { incarnation } = own
  const { key, signature } = JSON.parse(play({ incarnation, own }).proof) as Record<string, string>
  const heard = { key, signature }
  const thief = new IncarnationKey('client')
  const cases: [string, Parts][] = [
    ['without a proof', { incarnation }],
    ['with a key of its own', { incarnation, own: thief }],
    ['with what it heard on another link', { incarnation, meddle: (proof) => ({ ...proof, ...heard }) }],
    [
      'with the key of the other, and its own signature',
      { incarnation, own: thief, meddle: (proof) => ({ ...proof, key }) },
    ],
    [
      'with what is no key',
      {
        incarnation: `client-k${'0'.repeat(32)}`,
        own: thief,
        meddle: (proof) => ({ ...proof, key: 'A'.repeat(43) }),
      },
    ],
  ]
  for (const [name, parts] of cases) {
    const { accepted, dialled, asked } = play(parts)
    assert.deepEqual([accepted, dialled, asked], ['HANDSHAKE_FAILED', 'HANDSHAKE_FAILED', []], name)
  }
  assert.equal(play({ incarnation, own }).dialled, 'linked', 'and the client itself still does')
})

test('a malformed proof of an incarnation is no proof at all', () => {
  const own = new IncarnationKey('client')
  for (const wrong of [
    { key: 1 },
    { signature: undefined },
    { key: 'short' },
    { signature: '='.repeat(86) },
  ]) {
    const { accepted } = play({
      incarnation: own.incarnation,
      own,
      meddle: (proof) => ({ ...proof, ...wrong }),
    })
    assert.equal(accepted, 'HANDSHAKE_FAILED')
  }
})

test('a name that comes from no key needs none: nodes have such names, and take those of nobody else', () => {
  assert.equal(play({ incarnation: 'client-0123456789abcdef' }).dialled, 'linked')
  assert.equal(isKeyed('w1-0123456789abcdef'), false)
  assert.equal(isKeyed(`w1-k${'0'.repeat(32)}-0123456789abcdef`), false, 'whatever a Worker is called')
})

test('whether a credential is in force is asked, and told, only after its key was proved', () => {
  const incarnation = 'client-1'
  const refused = play({ incarnation, refusal: 'CREDENTIAL_ENDED' })
  assert.deepEqual([refused.accepted, refused.dialled], ['CREDENTIAL_ENDED', 'CREDENTIAL_ENDED'])
  assert.equal(refused.asked.length, 1)
  const stranger = play({ incarnation, key: another, refusal: 'CREDENTIAL_ENDED' })
  assert.deepEqual([stranger.accepted, stranger.asked], ['SECRET_WRONG', []])
})
