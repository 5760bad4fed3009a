import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { isFiresteelError } from '../../runtime/errors.js'
import { TlsSource } from '../../runtime/tls/tls-source.js'
import { clientTls, readTold, toldOf } from '../../runtime/tls/tls-told.js'
import { waitUntil } from '../harness/wait-until.js'
import { TestAuthority } from '../tools/test-authority.js'

const authority = await TestAuthority.make()
const next = await TestAuthority.make()
after(() => {
  authority.remove()
  next.remove()
})

test('files that do not fit are refused at once, with all that is wrong', async () => {
  const files = await authority.files('wrong')
  authority.write('wrong-key.pem', (await authority.issue('another')).key)
  assert.throws(
    () => new TlsSource({ files, use: { isNode: true, hosts: ['10.9.9.9'] } }),
    (error) => {
      assert.ok(isFiresteelError(error, 'CERTIFICATE_INVALID'))
      assert.match(error.message, /key \(.*wrong-key\.pem\) is not the key of the certificate in cert/)
      assert.match(error.message, /is not for 10\.9\.9\.9/)
      assert.equal(error.place, files.key)
      return true
    },
  )
  const missing = { ...files, ca: `${files.ca}.gone` }
  assert.throws(() => new TlsSource({ files: missing, use: { isNode: true } }), { place: missing.ca })
})

test('new files are used whole, or not at all', async () => {
  const files = await authority.files('node')
  const source = new TlsSource({ files, use: { isNode: true } })
  const events: string[] = []
  source.onReload((result, detail) => events.push(`${result} ${detail}`.trim()))
  let changes = 0
  source.onChange(() => changes++)
  const before = source.material.own?.serialNumber
  const { cert, key } = await authority.issue('node')
  authority.write('node.pem', cert)
  await source.reload()
  assert.match(events.shift() ?? '', /^refused TLS: key .* is not the key of the certificate/)
  assert.equal(source.material.own?.serialNumber, before, 'the old one stays')
  authority.write('node-key.pem', key)
  await source.reload()
  assert.deepEqual(events, ['changed'])
  assert.equal(changes, 1)
  assert.notEqual(source.material.own?.serialNumber, before)
})

test('files that are replaced are found, certificate and key one after the other', async (t) => {
  const files = await authority.files('watched')
  const source = new TlsSource({ files, use: { isNode: true }, isWatched: true, lookMs: 20 })
  t.after(() => source.close())
  const events: string[] = []
  source.onReload((result) => events.push(result))
  const before = source.material.own?.serialNumber
  await authority.files('watched')
  await waitUntil('the new ones', () => source.material.own?.serialNumber !== before)
  assert.deepEqual(events, ['changed'])
})

test('without a connection, files are looked at before a dial', async () => {
  const source = authority.visitor()
  await source.fresh()
  const { ca } = source.files
  authority.write('ca.pem', next.texts.cert + authority.texts.cert)
  await source.fresh()
  assert.equal(source.material.roots.length, 2)
  authority.write('ca.pem', authority.texts.cert)
  assert.equal(ca, source.files.ca)
})

test('a connection ends when its CA is gone, or its certificate has expired', async () => {
  const nowMs = Date.now()
  let wallMs = nowMs
  const files = await authority.files('hub')
  const both = authority.write('hub-ca.pem', authority.texts.cert + next.texts.cert)
  const source = new TlsSource({
    files: { ...files, ca: both },
    use: { isNode: true },
    clock: { wallMs: () => wallMs },
  })
  const reasons: string[] = []
  const guard = async (name: string, from: TestAuthority, validMs: number): Promise<void> => {
    const peer = new TlsSource({ files: await from.files(name, { validMs }), use: { isNode: true } })
    source.guard([peer.material.own!], (reason) => reasons.push(`${name} ${reason}`))
  }
  await guard('brief', authority, 60_000)
  await guard('foreign', next, 3_600_000)
  await guard('lasting', authority, 3_600_000)
  wallMs = nowMs + 120_000
  await source.reload()
  assert.match(reasons.join(), /^brief the certificate of the other side expired on/)
  authority.write('hub-ca.pem', authority.texts.cert)
  await source.reload()
  await waitUntil('the second', () => reasons.length === 2)
  assert.match(reasons[1] ?? '', /^foreign the certificate of the other side was not signed by a CA of ca/)
})

test('who may not read the file of the CA has its text', () => {
  const told = toldOf(authority.visitor())
  assert.deepEqual(readTold(JSON.parse(JSON.stringify(told))), told)
  assert.equal(readTold({ ...told, caText: 7 }), undefined)
  const source = clientTls({ ...told, ca: '/nowhere/ca.pem', crl: '/nowhere/crl.pem' })
  assert.equal(source.material.texts.ca, authority.texts.cert)
})
