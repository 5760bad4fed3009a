import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import {
  type CertificateTexts,
  type IssueOptions,
  issueCertificate,
  makeAuthority,
  makeRevocationList,
} from '../../runtime/tls/certificate-maker.js'
import { readPart, timeOf } from '../../runtime/tls/der.js'
import { examineTls, isOfNode, type TlsTexts, whyNotTrusted } from '../../runtime/tls/material.js'
import { blocksOf, derOf, textOf } from '../../runtime/tls/pem.js'
import { readRevocationList, revokedIn } from '../../runtime/tls/revocation-list.js'

const NOW_MS = Date.UTC(2030, 0, 1)
const DAY_MS = 86_400_000

const authority = await makeAuthority(100 * DAY_MS, NOW_MS)
const other = await makeAuthority(100 * DAY_MS, NOW_MS)

const issue = (of: CertificateTexts = authority, changed: Partial<IssueOptions> = {}) =>
  issueCertificate(of, {
    name: 'n1',
    hosts: ['n1.example.org', '10.0.0.1', '::1'],
    isClient: false,
    validMs: DAY_MS,
    nowMs: NOW_MS,
    ...changed,
  })

const own = await issue()
const client = await issue(authority, { isClient: true, hosts: [] })
const serialOf = ({ cert }: CertificateTexts): string => new X509Certificate(cert).serialNumber
const textsOf = (changed: Partial<TlsTexts> = {}): TlsTexts => ({
  ca: authority.cert,
  cert: own.cert,
  key: own.key,
  crl: undefined,
  ...changed,
})
const node = { isNode: true, hosts: ['n1.example.org', '10.0.0.1'] }

function problemsOf(changed: Partial<TlsTexts>, use = node, nowMs = NOW_MS): string[] {
  const { problems = [] } = examineTls(textsOf(changed), use, nowMs)
  return problems.map(({ field, rule }) => `${field} ${rule}`)
}

test('files that fit are taken, with the times at which they end', () => {
  const found = examineTls(textsOf({ crl: undefined }), node, NOW_MS)
  assert.ok(!found.problems)
  assert.deepEqual(found.material.expiresMs, { ca: NOW_MS + 100 * DAY_MS, cert: NOW_MS + DAY_MS })
  assert.deepEqual(
    problemsOf({ ca: other.cert + authority.cert }),
    [],
    'two CAs while one replaces the other',
  )
})

const wrong: readonly (readonly [what: string, changed: Partial<TlsTexts>, problem: RegExp])[] = [
  ['a CA that is no PEM', { ca: 'x' }, /^ca has no certificate in PEM$/],
  [
    'a CA with a broken certificate',
    { ca: authority.cert.replace(/M.{20}/, 'AAAA') },
    /^ca .*cannot be read/,
  ],
  [
    'a certificate in place of the CA',
    { ca: own.cert },
    /^ca has CN=n1, which is not the certificate of a CA$/,
  ],
  ['a certificate that is no PEM', { cert: '' }, /^cert has no certificate in PEM$/],
  [
    'a certificate of another CA',
    { ca: other.cert },
    /^cert was not signed by a CA of ca \(its issuer is CN=/,
  ],
  ['a key that is none', { key: 'secret text' }, /^key has no private key in PEM$/],
  ['a key of another certificate', { key: client.key }, /^key is not the key of the certificate in cert$/],
  [
    'an encrypted key',
    { key: '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n' },
    /^key is encrypted/,
  ],
  ['a certificate of a client', { cert: client.cert, key: client.key }, /^cert may not be used by a server/],
  ['a list that is none', { crl: 'x' }, /^crl has no revocation list in PEM$/],
]
for (const [what, changed, problem] of wrong) {
  test(`refused: ${what}`, () => {
    const problems = problemsOf(changed)
    assert.match(problems[0] ?? 'nothing', problem)
    assert.ok(!problems.join().includes('secret text'), 'nothing of a key is told')
  })
}

test('a certificate has a beginning and an end, and so has its CA', () => {
  assert.match(problemsOf({}, node, NOW_MS + 2 * DAY_MS)[0] ?? '', /^cert expired on 2030-01-02T00:00:00Z$/)
  assert.match(
    problemsOf({}, node, NOW_MS - DAY_MS)[0] ?? '',
    /^ca has no CA that is valid now: is not valid before/,
  )
  assert.match(
    problemsOf({}, node, NOW_MS + 101 * DAY_MS)[0] ?? '',
    /^ca has no CA that is valid now: expired/,
  )
})

test('the hosts by which a node is dialled must be in its certificate', () => {
  assert.deepEqual(problemsOf({}, { isNode: true, hosts: ['10.0.0.2'] }), [
    'cert is not for 10.0.0.2, by which others dial this node; its names are DNS:n1.example.org, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  ])
})

test('what is revoked counts no more, and a list is of its CA, signed by it, and not too old', async () => {
  const serials = [serialOf(client), serialOf(own)]
  const crl = await makeRevocationList(authority, serials, NOW_MS)
  assert.deepEqual([...revokedIn(crl)], serials)
  assert.deepEqual(problemsOf({ crl }), ['cert is revoked'])
  const empty = await makeRevocationList(authority, [], NOW_MS)
  assert.deepEqual(problemsOf({ crl: empty }), [])
  const foreign = await makeRevocationList(other, [], NOW_MS)
  assert.match(problemsOf({ crl: foreign })[0] ?? '', /^crl has no list of the CA CN=Firesteel CA/)
  const forged = await makeRevocationList({ cert: authority.cert, key: other.key }, [], NOW_MS)
  assert.match(problemsOf({ crl: forged })[0] ?? '', /^crl has a list that the CA .* did not sign$/)
  assert.match(problemsOf({ crl: empty }, node, NOW_MS + 200 * DAY_MS).join(), /due to be replaced on/)
})

test('an open link is judged by what counts now', async () => {
  const judge = (of: CertificateTexts, ca: string, crl?: string) => {
    const found = examineTls({ ca, cert: undefined, key: undefined, crl }, { isNode: false }, NOW_MS)
    assert.ok(!found.problems)
    return whyNotTrusted([new X509Certificate(of.cert)], found.material, NOW_MS)
  }
  assert.equal(judge(own, authority.cert), undefined)
  assert.match(judge(own, other.cert) ?? '', /^was not signed by a CA of ca/)
  assert.equal(judge(own, other.cert + authority.cert), undefined)
  assert.equal(
    judge(own, authority.cert, await makeRevocationList(authority, [serialOf(own)], NOW_MS)),
    'is revoked',
  )
  assert.ok(isOfNode(new X509Certificate(own.cert)))
  assert.ok(!isOfNode(new X509Certificate(client.cert)))
})

test('a list that was cut or altered is refused with an error, whatever it has', async () => {
  const der = derOf(await makeRevocationList(authority, [serialOf(own)], NOW_MS))
  let read = 0
  for (let at = 0; at < der.length; at++) {
    for (const bytes of [der.subarray(0, at), altered(der, at)]) {
      try {
        readRevocationList(bytes)
        read++
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
      }
    }
  }
  assert.ok(read < der.length, `${read} of ${2 * der.length} were read`)
})

function altered(der: Buffer, at: number): Buffer {
  const copy = Buffer.from(der)
  copy[at] = copy[at]! ^ 0xff
  return copy
}

test('a certificate whose key or times cannot be read is named, and not thrown at', () => {
  const der = derOf(blocksOf(authority.cert, 'CERTIFICATE')[0] ?? '')
  const curve = der.indexOf(Buffer.from('2a8648ce3d030107', 'hex'))
  const [badKey, badTime] = [Buffer.from(der), Buffer.from(der)]
  badKey[curve + 7] = 0x70
  // A serial number is random, so it may hold a Z: a time is twelve digits before one.
  const time = der.toString('latin1').search(/\d{12}Z/)
  badTime[time + 2] = 0x39
  for (const bytes of [badKey, badTime]) {
    const problems = problemsOf({ ca: textOf(bytes, 'CERTIFICATE') })
    assert.match(problems[0] ?? 'nothing', /^ca has a certificate \(number 1\) that cannot be read/)
  }
})

test('times of lists: two digits of a year are of 1950 to 2049', () => {
  const time = (tag: number, text: string): number =>
    timeOf(readPart(Buffer.concat([Buffer.from([tag, text.length]), Buffer.from(text)])))
  assert.equal(time(0x17, '491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59))
  assert.equal(time(0x17, '500101000000Z'), Date.UTC(1950, 0, 1))
  assert.equal(time(0x18, '20500101000000Z'), Date.UTC(2050, 0, 1))
  assert.throws(() => time(0x17, 'tomorrow'), RangeError)
})
