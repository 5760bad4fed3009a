import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { revokedIn } from '../../runtime/tls/revocation-list.js'
import { errorOf, firesteel, folder } from '../tools/command-fixture.js'

const read = (...path: string[]): X509Certificate => new X509Certificate(readFileSync(join(...path)))
const mode = (...path: string[]): string => (statSync(join(...path)).mode & 0o777).toString(8)

test('cert init and issue make files that only their owner reads, and that check takes', async (t) => {
  const cwd = await folder(t)
  const cert = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await firesteel(['cert', ...args], { cwd })
    assert.equal(code, 0, stderr)
    return stdout
  }
  assert.match(await cert('init', 'ca'), /^ca has a new CA, valid until \d{4}-\d\d-\d\d\./)
  assert.match(
    await cert('issue', 'ca', 'n1', '--host', '127.0.0.1,localhost'),
    /for 127\.0\.0\.1, localhost, valid until/,
  )
  const made = JSON.parse(await cert('issue', 'ca', 'laptop', '--client', '--days', '2', '--json'))
  assert.deepEqual([made.cert, made.hosts], [join(cwd, 'ca/laptop.pem'), []])
  assert.deepEqual(
    [mode(cwd, 'ca'), mode(cwd, 'ca/ca-key.pem'), mode(cwd, 'ca/n1-key.pem')],
    ['700', '600', '600'],
  )
  const [ca, n1, laptop] = [read(cwd, 'ca/ca.pem'), read(cwd, 'ca/n1.pem'), read(cwd, 'ca/laptop.pem')]
  assert.ok(ca.ca && n1.verify(ca.publicKey) && laptop.verify(ca.publicKey))
  assert.equal(Date.parse(laptop.validTo) - Date.parse(laptop.validFrom), 2 * 86_400_000 + 300_000)
  const tls = (name: string): string =>
    `masters: [{}]\nsecurity: {tls: {ca: ca/ca.pem, cert: ca/${name}.pem, key: ca/${name}-key.pem, crl: ca/crl.pem}}\n`
  writeFileSync(join(cwd, 'c.yaml'), tls('n1'))
  assert.equal((await firesteel(['check', 'c.yaml'], { cwd })).code, 0)
  writeFileSync(join(cwd, 'c.yaml'), tls('laptop'))
  const refused = await firesteel(['check', 'c.yaml'], { cwd })
  assert.equal(refused.code, 2)
  assert.match(
    refused.stderr,
    /^c\.yaml:2:39: FIRESTEEL_CERTIFICATE_INVALID: security\.tls\.cert \(.*laptop\.pem\) may not be used by a server/m,
  )
  assert.match(
    refused.stderr,
    /security\.tls\.cert .* is not for 127\.0\.0\.1, by which others dial this node/,
  )
  writeFileSync(join(cwd, 'c.yaml'), tls('nobody'))
  assert.match(
    (await firesteel(['check', 'c.yaml'], { cwd })).stderr,
    /^c\.yaml:2:\d+: FIRESTEEL_CERTIFICATE_INVALID: security\.tls\.key .*ENOENT/m,
  )

  assert.match(await cert('revoke', 'ca', 'laptop'), /Revoked in all: 1\./)
  await cert('revoke', 'ca', 'ca/n1.pem')
  assert.deepEqual(
    [...revokedIn(readFileSync(join(cwd, 'ca/crl.pem'), 'utf8'))],
    [laptop.serialNumber, n1.serialNumber],
  )
})

const misuses: readonly (readonly [args: string, code: string, text: RegExp])[] = [
  ['init ca', 'USAGE', /has a CA already\. It stays/],
  ['init other n1', 'USAGE', /takes a folder and nothing else/],
  ['issue ca', 'USAGE', /needs a name/],
  ['issue ca n1', 'USAGE', /needs --host/],
  ['issue ca ca --client', 'USAGE', /cannot be the name of a certificate/],
  ['issue ca n1-key --client', 'USAGE', /does not end with -key or \.pem/],
  ['revoke ca ca', 'USAGE', /cannot be the name of a certificate/],
  ['issue ca ../x --client', 'USAGE', /cannot be the name of a certificate/],
  ['issue ca n1 --host a/b', 'USAGE', /neither a host name nor an address/],
  ['issue nowhere n1 --host a', 'PATH_NOT_FOUND', /nowhere\/ca\.pem cannot be read/],
  ['revoke ca stranger', 'PATH_NOT_FOUND', /stranger\.pem cannot be read/],
  ['revoke ca other/ca.pem', 'CERTIFICATE_INVALID', /was not issued by this CA/],
]

test('cert refuses what it cannot do, and changes nothing', async (t) => {
  const cwd = await folder(t)
  for (const dir of ['ca', 'other']) await firesteel(['cert', 'init', dir], { cwd })
  const before = readFileSync(join(cwd, 'ca/ca-key.pem'), 'utf8')
  for (const [args, code, text] of misuses) {
    const outcome = await firesteel(['cert', ...args.split(' '), '--json'], { cwd })
    const error = errorOf(outcome)
    assert.equal(error.code, `FIRESTEEL_${code}`, args)
    assert.match(error.message, text, args)
  }
  assert.equal(readFileSync(join(cwd, 'ca/ca-key.pem'), 'utf8'), before)
})

test('revoke takes back every certificate of a name that still counts, or one by its path', async (t) => {
  const cwd = await folder(t)
  const cert = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await firesteel(['cert', ...args], { cwd })
    assert.equal(code, 0, stderr)
    return stdout
  }
  const revoked = (): string[] => [...revokedIn(readFileSync(join(cwd, 'ca/crl.pem'), 'utf8'))]
  await cert('init', 'ca')
  const serials: string[] = []
  for (let i = 0; i < 3; i++) {
    await cert('issue', 'ca', 'n1', '--host', 'a.example')
    serials.push(read(cwd, 'ca/n1.pem').serialNumber)
    if (i === 0) copyFileSync(join(cwd, 'ca/n1.pem'), join(cwd, 'stolen.pem'))
  }
  await cert('issue', 'ca', 'n2', '--host', 'b.example')
  await cert('revoke', 'ca', 'stolen.pem')
  assert.deepEqual(revoked(), [serials[0]])
  assert.match(await cert('revoke', 'ca', 'n1'), /^n1 counts no more \(all 3 certificates of that name\)/)
  assert.deepEqual(revoked(), serials)
  await cert('issue', 'ca', 'n1', '--host', 'a.example')
  assert.ok(!revoked().includes(read(cwd, 'ca/n1.pem').serialNumber), 'a new one counts')

  // A folder of a release that kept no list: what it left is taken up when it is renewed.
  rmSync(join(cwd, 'ca/issued.json'))
  const before = read(cwd, 'ca/n2.pem').serialNumber
  await cert('issue', 'ca', 'n2', '--host', 'b.example')
  const { serials: both } = JSON.parse(await cert('revoke', 'ca', 'n2', '--json'))
  assert.deepEqual(both, [before, read(cwd, 'ca/n2.pem').serialNumber])

  writeFileSync(join(cwd, 'ca/issued.json'), '[{"name":"n1","serial":"AA","until":"soon"}]')
  const damaged = errorOf(await firesteel(['cert', 'revoke', 'ca', 'n1', '--json'], { cwd }))
  assert.equal(damaged.code, 'FIRESTEEL_CERTIFICATE_INVALID')
})

test('commands that write in the folder of a CA at once lose nothing of one another', async (t) => {
  const cwd = await folder(t)
  await firesteel(['cert', 'init', 'ca'], { cwd })
  const names = ['p1', 'p2', 'p3', 'p4']
  const all = async (of: (name: string) => string[]): Promise<void> => {
    const outcomes = await Promise.all(names.map((name) => firesteel(['cert', ...of(name)], { cwd })))
    for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr)
  }
  await all((name) => ['issue', 'ca', name, '--host', name])
  const issued = JSON.parse(readFileSync(join(cwd, 'ca/issued.json'), 'utf8')) as { name: string }[]
  assert.deepEqual(issued.map(({ name }) => name).sort(), names)
  await all((name) => ['revoke', 'ca', name])
  assert.deepEqual(
    [...revokedIn(readFileSync(join(cwd, 'ca/crl.pem'), 'utf8'))].sort(),
    names.map((name) => read(cwd, `ca/${name}.pem`).serialNumber).sort(),
  )
  assert.deepEqual(
    readdirSync(join(cwd, 'ca')).filter((name) => !name.endsWith('.pem')),
    ['issued.json'],
  )
})
