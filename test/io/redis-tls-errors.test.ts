import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { isFiresteelError } from '../../runtime/errors.js'
import { waitUntil } from '../harness/wait-until.js'
import { TestAuthority } from '../tools/test-authority.js'
import { RedisOpener } from './redis-fixture.js'

/*
 * A TLS socket may say two errors: that its server's certificate is not trusted, and that what came in the
 * same packet cannot be read. An error that nobody hears ends the process.
 */

/** An encrypted record that nobody can have encrypted. */
const UNREADABLE = Buffer.concat([Buffer.from([0x17, 0x03, 0x03, 0x00, 0x20]), Buffer.alloc(32, 7)])

async function listening(t: TestContext, server: Server): Promise<number> {
  const visitors = new Set<Socket>()
  server.on('connection', (visitor) => visitors.add(visitor))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    for (const visitor of visitors) visitor.destroy()
  })
  return (server.address() as { port: number }).port
}

test('a second error of one TLS socket ends nobody', async (t) => {
  const authority = await TestAuthority.make()
  t.after(() => authority.remove())
  const { cert, key } = await authority.issue('redis')
  const secure = createTlsServer({ cert, key }, (socket) => socket.on('error', () => undefined))
  secure.on('tlsClientError', () => undefined)
  const behind = await listening(t, secure)
  let packets = 0
  const door = createServer((visitor) => {
    const server = connect(behind, '127.0.0.1')
    visitor.pipe(server)
    server.on('data', (bytes) => {
      packets++
      visitor.write(Buffer.concat([bytes, UNREADABLE]))
    })
    for (const socket of [visitor, server]) socket.on('error', () => socket.destroy())
    visitor.on('close', () => server.destroy())
  })
  const port = await listening(t, door)
  const opener = new RedisOpener(1000)
  t.after(() => opener.closeAll())
  const { engine } = await opener.open({ redis: `rediss://127.0.0.1:${port}` })
  await assert.rejects(engine.leader(), (error) => isFiresteelError(error))
  await waitUntil('it has dialled some times', () => packets > 5)
})
