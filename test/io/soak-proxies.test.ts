import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { RedisRoutes, routedRecovery } from '../harness/redis-routes.js'
import { TcpProxy } from '../harness/tcp-proxy.js'
import { waitUntil } from '../harness/wait-until.js'

/* Proxies that cut, in one direction too, delay and heal: what the tests of real faults rest on. */

/** Answers each line with itself, and remembers what it was told. */
async function echo(t: TestContext): Promise<{ port: number; received: () => string; open: () => number }> {
  let received = ''
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString()
      socket.write(chunk)
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return { port, received: () => received, open: () => sockets.size }
}

function dial(t: TestContext, port: number): { socket: Socket; told: () => string; isClosed: () => boolean } {
  let told = ''
  let isClosed = false
  const socket = connect(port, '127.0.0.1')
  socket
    .on('error', () => undefined)
    .on('close', () => {
      isClosed = true
    })
  socket.on('data', (chunk: Buffer) => {
    told += chunk.toString()
  })
  t.after(() => socket.destroy())
  return { socket, told: () => told, isClosed: () => isClosed }
}

async function setUp(t: TestContext) {
  const server = await echo(t)
  const proxy = await TcpProxy.start(server.port)
  t.after(() => proxy.stop())
  const client = dial(t, proxy.port)
  client.socket.write('a')
  await waitUntil('the first answer', () => client.told() === 'a')
  return { server, proxy, client }
}

test('requests do not arrive, and arrive late, though their sender has gone', async (t) => {
  const { server, proxy, client } = await setUp(t)
  proxy.suffer({ kind: 'requests' })
  client.socket.write('late')
  await waitUntil('it to wait', () => proxy.waitingRequests === 'late')
  client.socket.destroy()
  const other = dial(t, proxy.port)
  other.socket.write('new')
  await waitUntil('the new one to wait', () => proxy.waitingRequests.includes('new'))
  assert.equal(server.received(), 'a')
  assert.equal(proxy.heal(), 'latenew'.length)
  await waitUntil('both to be heard', () => server.received() === 'alatenew')
  await waitUntil('the answer', () => other.told() === 'new')
  await waitUntil('the end of the first to be heard', () => server.open() === 1)
})

test('answers do not arrive, requests do', async (t) => {
  const { server, proxy, client } = await setUp(t)
  proxy.suffer({ kind: 'answers' })
  client.socket.write('b')
  await waitUntil('it to be heard', () => server.received() === 'ab')
  assert.equal(client.told(), 'a')
  proxy.heal()
  await waitUntil('the answer', () => client.told() === 'ab')
})

test('silent: neither arrives, nothing is closed; closed: all end, and each new one', async (t) => {
  const { server, proxy, client } = await setUp(t)
  proxy.suffer({ kind: 'silent' })
  client.socket.write('b')
  await waitUntil('it to wait', () => proxy.waitingRequests === 'b')
  assert.deepEqual([client.isClosed(), server.received()], [false, 'a'])
  proxy.heal()
  await waitUntil('all to arrive', () => client.told() === 'ab')
  proxy.suffer({ kind: 'closed' })
  await waitUntil('the end', () => client.isClosed())
  const refused = dial(t, proxy.port)
  await waitUntil('the end of the new one', () => refused.isClosed())
  proxy.heal()
  const again = dial(t, proxy.port)
  again.socket.write('c')
  await waitUntil('the answer', () => again.told() === 'c')
})

test('slow: both ways take their time, in order; the end as well', async (t) => {
  const { server, proxy, client } = await setUp(t)
  proxy.suffer({ kind: 'slow', delayMs: 100 })
  client.socket.write('b')
  await waitUntil('it to be on its way', () => proxy.waitingRequests === 'b', { everyMs: 1 })
  await waitUntil('it to be heard', () => server.received() === 'ab', { everyMs: 1 })
  assert.equal(client.told(), 'a', 'its answer is on its way')
  await waitUntil('the answer', () => client.told() === 'ab')
  for (const envelope of 'cdefgh') client.socket.write(envelope)
  client.socket.end()
  await waitUntil('all in order, then the end', () => client.isClosed())
  assert.equal(client.told(), 'abcdefgh')
})

test('what Sentinel names is reached by our own routes', async (t) => {
  const redis = await echo(t)
  const sentinel = await echo(t)
  const ports = { data: [redis.port], sentinel: { name: 's', ports: [sentinel.port] }, locks: [redis.port] }
  const routes = await RedisRoutes.start(ports)
  t.after(() => routes.stop())
  const { env } = routes
  const client = dial(t, Number(env.SENTINEL_1!.split(':')[1]))
  const named = (port: number | string): string =>
    `*2\r\n$9\r\n127.0.0.1\r\n$${String(port).length}\r\n${port}\r\n`
  client.socket.write(named(redis.port))
  const own = routes.locks[0]!.port
  await waitUntil('the answer', () => client.told() === named(own))
  client.socket.write(named(1234))
  await waitUntil('a strange port, as it is', () => client.told() === named(own) + named(1234))
  assert.equal(env.DATA, `redis://127.0.0.1:${routes.data[0]!.port}/0`)
  assert.deepEqual(routedRecovery(ports, 1000), {
    mode: 'REDIS',
    lease: '1000ms',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: of a deployment file.
    sentinel: { name: 's', hosts: ['${SENTINEL_1}'] },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: of a deployment file.
    election: ['${LOCK_1}'],
  })
})
