import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type App, connect } from '../../actors/client/index.js'
import { runCommand } from '../harness/run-command.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, bin, firesteel, folder, type Ready, startUp, type Up } from '../tools/command-fixture.js'
import type * as tasks from './tls-tasks.js'

/* A cluster whose nodes speak TLS, with the certificates that `firesteel cert` makes. */

const CLUSTER = `
cluster: secure
recovery: {mode: FILESYSTEM}
masters: [{name: m1, port: 0, web: 0}]
workers: [{name: w1, port: 0, web: 0, cores: 2, memory: 2g}]
security: {tls: {ca: ca.pem, cert: ca/n1.pem, key: ca/n1-key.pem, crl: crl.pem}}
logging: {level: info, format: json}
`

const DRIVER = `
import { connect } from ${JSON.stringify(new URL('../../actors/client/index.js', import.meta.url).href)}
const app = await connect({ executors: 1 })
console.log(await app.tasks(new URL(${JSON.stringify(new URL('tls-tasks.js', import.meta.url).href)})).twice(21))
await app.close()
`

interface Secure {
  readonly cwd: string
  readonly up: Up
  readonly ready: Ready
  readonly secret: string
  cert(...args: string[]): Promise<void>
  app(): Promise<App>
}

async function secureCluster(t: TestContext): Promise<Secure> {
  const cwd = await folder(t, { 'c.yaml': CLUSTER, 'driver.mjs': DRIVER })
  const cert = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await firesteel(['cert', ...args], { cwd })
    assert.equal(code, 0, stderr)
  }
  await cert('init', 'ca')
  await cert('issue', 'ca', 'n1', '--host', '127.0.0.1')
  for (const name of ['ca.pem', 'crl.pem'])
    writeFileSync(join(cwd, name), readFileSync(join(cwd, 'ca', name)))
  const up = await startUp(t, cwd, ['c.yaml'])
  const ready = await up.ready()
  const secret = readFileSync(join(cwd, '.firesteel/secret'), 'utf8').trim()
  const app = async (): Promise<App> => {
    const opened = await connect(ready.master, {
      secret,
      tls: { ca: join(cwd, 'ca.pem') },
      executors: 1,
      code: false,
    })
    atEnd(t, () => opened.close())
    return opened
  }
  return { cwd, up, ready, secret, cert, app }
}

const tasksOf = (app: App) => app.tasks<typeof tasks>(new URL('tls-tasks.js', import.meta.url))

test('all of a cluster speaks TLS: nodes, commands, applications, executors, drivers', async (t) => {
  const { cwd, ready, secret, app } = await secureCluster(t)
  assert.equal((await firesteel(['status'], { cwd })).code, 0, 'what `up` wrote names the CA')
  const opened = await app()
  assert.equal(await tasksOf(opened).twice(4), 8)
  // Driver and executor need both cores.
  await opened.close()
  const run = await firesteel(['run', 'driver.mjs'], { cwd })
  assert.equal(run.stdout.trim(), '42', run.stderr)
  const submitted = await firesteel(['submit', '--wait', '--name', 'd1', 'driver.mjs'], { cwd })
  assert.equal(submitted.code, 0, submitted.stderr)
  assert.equal((await firesteel(['logs', 'd1'], { cwd })).stdout.trim(), '42')

  for (const { web } of ready.nodes) {
    assert.match(web ?? '', /^https:/)
    assert.equal(await statusOf(`${web}/healthz`, join(cwd, 'ca.pem')), 200)
    assert.equal(await statusOf(`${web}/json/`, join(cwd, 'ca.pem')), 200)
  }
  const link = await firesteel(['ui', '--no-open'], { cwd })
  assert.match(link.stdout, /^https:\/\/127\.0\.0\.1:\d+\/session\?ticket=/)

  // From elsewhere: with the CA, without it, and with a CA that did not sign.
  const elsewhere = await folder(t)
  const env = { FIRESTEEL_MASTER: ready.master, FIRESTEEL_SECRET: secret }
  const status = (tls: Record<string, string>) =>
    firesteel(['status'], { cwd: elsewhere, env: { ...env, ...tls } })
  assert.equal((await status({ FIRESTEEL_TLS_CA: join(cwd, 'ca.pem') })).code, 0)
  const plain = await status({})
  assert.equal(plain.code, 4)
  assert.match(plain.stderr, /^FIRESTEEL_TLS_MISMATCH: .* one side uses TLS and the other does not/)
  await firesteel(['cert', 'init', 'other'], { cwd: elsewhere })
  const foreign = await status({ FIRESTEEL_TLS_CA: join(elsewhere, 'other/ca.pem') })
  assert.equal(foreign.code, 4)
  assert.match(
    foreign.stderr,
    /^FIRESTEEL_CERTIFICATE_REFUSED: .* was not signed by a CA that this side trusts/,
  )
  const halved = await status({ FIRESTEEL_TLS_CERT: 'x' })
  assert.match(
    halved.stderr,
    /^FIRESTEEL_USAGE: FIRESTEEL_TLS_CERT and FIRESTEEL_TLS_KEY need FIRESTEEL_TLS_CA/,
  )
})

test('a Worker with a token and a certificate joins by options, and runs what it is given', async (t) => {
  const { cwd, ready, cert } = await secureCluster(t)
  await cert('issue', 'ca', 'w9', '--host', '127.0.0.1')
  const made = await firesteel(['token', 'create', '--role', 'worker', '--name', 'w9'], { cwd })
  assert.equal(made.code, 0, made.stderr)
  const elsewhere = await folder(t)
  const files = ['--tls-ca', 'ca.pem', '--tls-cert', 'ca/w9.pem', '--tls-key', 'ca/w9-key.pem'] as const
  const tls = files.map((part) => (part.startsWith('--') ? part : join(cwd, part)))
  const place = [
    '--master',
    ready.master,
    '--cluster',
    'secure',
    '--name',
    'w9',
    '--web',
    '0',
    '--cores',
    '1',
  ]
  const env = { PATH: process.env.PATH ?? '', FIRESTEEL_SECRET: made.stdout.trim() }
  const controller = new AbortController()
  const args = [bin, 'worker', ...place, '--memory', '512m', '--label', 'at=w9', ...tls]
  const { signal } = controller
  const worker = runCommand({ command: process.execPath, args, cwd: elsewhere, env, signal })
  const submit = ['submit', '--wait', '--on', 'at=w9', '--memory', '128m', '--name', 'there']
  const driver = await firesteel([...submit, join(cwd, 'driver.mjs')], { cwd })
  assert.equal(driver.code, 0, driver.stderr)
  assert.equal((await firesteel(['logs', 'there'], { cwd })).stdout.trim(), '42')
  controller.abort()
  await worker.catch(() => undefined)
})

const statusOf = (url: string, ca: string): Promise<number> =>
  new Promise((resolve, reject) => {
    get(url, { ca: readFileSync(ca), agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    }).once('error', reject)
  })

test('certificates and CA are replaced while work goes on: nothing is lost, and the Master stays', async (t) => {
  const { cwd, up, cert, app } = await secureCluster(t)
  const opened = await app()
  const work = { isOver: false }
  let done = 0
  const working = (async () => {
    while (!work.isOver) {
      assert.equal(await tasksOf(opened).twice(done), 2 * done)
      done++
    }
  })()
  const reloaded = async (): Promise<void> => {
    const count = (): number => up.stderr().split('other certificates are used now').length - 1
    const before = count()
    for (const pid of pidsOf(up)) process.kill(pid, 'SIGHUP')
    await waitUntil('both nodes to use them', () => count() === before + 2)
    const from = done
    await waitUntil('work to go on', () => done > from)
  }
  for (let round = 0; round < 2; round++) {
    await cert('issue', 'ca', 'n1', '--host', '127.0.0.1')
    await reloaded()
  }
  // Both CAs count, then the nodes have certificates of the new one, then the old one is gone.
  await cert('init', 'next')
  const text = (path: string): string => readFileSync(join(cwd, path), 'utf8')
  writeFileSync(join(cwd, 'ca.pem'), text('ca/ca.pem') + text('next/ca.pem'))
  writeFileSync(join(cwd, 'crl.pem'), text('ca/crl.pem') + text('next/crl.pem'))
  await reloaded()
  await cert('issue', 'next', 'n1', '--host', '127.0.0.1')
  for (const name of ['n1.pem', 'n1-key.pem']) writeFileSync(join(cwd, 'ca', name), text(`next/${name}`))
  await reloaded()
  for (const name of ['ca.pem', 'crl.pem']) writeFileSync(join(cwd, name), text(`next/${name}`))
  await reloaded()
  // A file that does not fit changes nothing.
  writeFileSync(join(cwd, 'ca/n1-key.pem'), text('next/ca-key.pem'))
  for (const pid of pidsOf(up)) process.kill(pid, 'SIGHUP')
  await waitUntil('the refusal', () => /new certificates are not used, the old ones stay/.test(up.stderr()))
  const from = done
  await waitUntil('work to go on', () => done > from)
  work.isOver = true
  await working
  assert.deepEqual([opened.stats().lost, opened.stats().failed], [0, 0])
  const { stdout } = await firesteel(['status', '--json'], { cwd })
  assert.equal((JSON.parse(stdout) as { epoch: number }).epoch, 1, 'no failover')
})

const pidsOf = (up: Up): number[] => up.lines.flatMap((line) => (line.event === 'started' ? [line.pid] : []))

test('a Worker without TLS does not join, and both sides say why', async (t) => {
  const { cwd, ready, up } = await secureCluster(t)
  const plain = `cluster: secure\nmaster: ${ready.master}\nworkers: [{name: w9, port: 0, web: 0, cores: 1}]\nsecurity: {file: ${join(cwd, '.firesteel/secret')}}\nlogging: {format: text}\n`
  const elsewhere = await folder(t, { 'w.yaml': plain })
  const joining = await startUp(t, elsewhere, ['w.yaml'])
  await waitUntil('the Worker to say so', () => /TLS_MISMATCH/.test(joining.stderr()))
  await waitUntil('the Master to say so', () => /"code":"TLS_MISMATCH"/.test(up.stderr()))
})
