import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect as dialTcp } from 'node:net'
import { after, before, test } from 'node:test'
import type { App } from '../../actors/client/index.js'
import { createTestCluster, type TestCluster } from '../harness/index.js'

let cluster: TestCluster
let app: App
before(async () => {
  cluster = await createTestCluster({ workers: 1, cores: 2 })
  app = await cluster.connect({
    name: 'bad input',
    executor: { cores: 1, memory: '128m' },
    limits: { maxResultBytes: 100_000, maxInputBytes: 100_000 },
  })
})
after(async () => {
  await cluster.stop()
})

const url = new URL('./bad-input-tasks.js', import.meta.url)
const tasks = () =>
  app.tasks<{
    notAFunction(n: number): number
    missing(n: number): number
    large(bytes: number): Uint8Array
    closure(n: number): unknown
    fine(n: unknown): number
  }>(url)

/** Sends bytes to a port and waits until the other side has hung up or said nothing for a while. */
async function poke(port: number, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = dialTcp(port, '127.0.0.1', () => socket.write(bytes))
    socket.setTimeout(300, () => socket.destroy())
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.on('close', () => resolve())
  })
}

test('random bytes, HTTP and half a handshake on every port: the cluster goes on', async () => {
  const ports = cluster.nodes.flatMap(({ address, web }) =>
    [address, web ?? ''].map((place) => Number(new URL(place.replace('firesteel:', 'http:')).port)),
  )
  const hello = Buffer.from(JSON.stringify({ type: 'hello', protocols: '1-1', cluster: 'x' }))
  const half = Buffer.alloc(5 + hello.length)
  half.writeUInt32BE(hello.length + 400, 0)
  hello.copy(half, 5)
  const pokes = [randomBytes(4096), Buffer.from('GET / HTTP/1.1\r\n\r\n'), half, Buffer.alloc(0)]
  const before = cluster.nodes.map(({ pid }) => pid)
  for (const port of ports) for (const bytes of pokes) await poke(port, bytes)
  assert.equal(await tasks().fine(1), 2)
  assert.equal((await cluster.status()).workers[0]?.state, 'ALIVE')
  assert.deepEqual(
    cluster.nodes.map(({ pid }) => pid),
    before,
    'no node was restarted',
  )
})

const rows: [string, () => Promise<unknown>, RegExp, RegExp][] = [
  [
    'a task module that does not exist names host and path, at once',
    () => app.tasks<{ f(): number }>(new URL('./no-such-module.js', import.meta.url)).f(),
    /TASK_MODULE_NOT_FOUND/,
    /no-such-module\.js.*127\.0\.0\.1/,
  ],
  ['an export that is not a function', () => tasks().notAFunction(1), /TASK_NOT_A_FUNCTION/, /notAFunction/],
  ['an export that is not there', () => tasks().missing(1), /TASK_NOT_A_FUNCTION/, /missing/],
  [
    'an input that cannot be cloned names its path',
    () => tasks().fine({ a: [1, { callback: () => 1 }] }),
    /INPUT_NOT_CLONEABLE/,
    /a\[1\]\.callback/,
  ],
  ['an input too large', () => tasks().fine('x'.repeat(200_000)), /INPUT_TOO_LARGE/, /100/],
  ['a result too large', () => tasks().large(200_000), /RESULT_TOO_LARGE/, /100/],
  [
    'a result that cannot be cloned names its path',
    () => tasks().closure(1),
    /RESULT_NOT_CLONEABLE/,
    /items\[1\]/,
  ],
]

for (const [name, call, code, text] of rows) {
  test(name, async () => {
    await assert.rejects(call, (error: Error & { code?: string; help?: string }) => {
      assert.match(error.code ?? '', code)
      assert.match(error.message, text)
      assert.ok(error.help)
      return true
    })
    assert.equal(await tasks().fine(1), 2, 'the application goes on')
    assert.equal(app.stats().retried, 0)
  })
}
