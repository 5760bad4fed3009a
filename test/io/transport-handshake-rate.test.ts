import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { limits } from '../../runtime/limits.js'
import { encodeFrame, frameKind } from '../../runtime/transport/frame.js'
import { HandshakeRate } from '../../runtime/transport/handshake-rate.js'
import { dialHost, gone, rawSocket, startHost } from '../tools/transport-support.js'
import { VirtualTime } from '../tools/virtual-time.js'

const MOST = limits.handshakesPerSecondPerAddress

/** How many of so many tries at this time are let through. */
const begun = (rate: HandshakeRate, host: string, tries: number, nowMs: number): number =>
  Array.from({ length: tries }, () => rate.begin(host, nowMs)).filter(Boolean).length

test('an address begins so many at once, then as many as its time allows; others have their own', () => {
  const rate = new HandshakeRate(100)
  assert.equal(begun(rate, 'a', 150, 0), 100)
  assert.equal(begun(rate, 'b', 150, 0), 100)
  assert.equal(begun(rate, 'a', 10, 10), 1)
  assert.equal(begun(rate, 'a', 100, 500), 49)
  assert.equal(begun(rate, 'a', 150, 60_000), 100, 'what was not used is not saved up')
})

test('over any second of a storm it is at most twice the rate, over ten seconds eleven times', () => {
  const rate = new HandshakeRate(100)
  let inAll = 0
  for (let second = 0; second < 10; second++) {
    let inThis = 0
    for (let ms = 0; ms < 1000; ms++) inThis += begun(rate, 'a', 5, second * 1000 + ms)
    assert.ok(inThis <= 200, `${inThis} in second ${second}`)
    inAll += inThis
  }
  assert.ok(inAll <= 1100, `${inAll}`)
})

test('addresses that have been quiet for a second are forgotten', () => {
  const rate = new HandshakeRate(100)
  for (let n = 0; n < 5000; n++) rate.begin(`early-${n}`, 0)
  for (let n = 0; n < 1000; n++) rate.begin(`late-${n}`, 2000)
  assert.equal(rate.size, 1000)
})

const hello = (port: number, localAddress = '127.0.0.1'): Socket => {
  const socket = connect({ host: '127.0.0.1', port, localAddress })
  socket.on('error', () => {})
  socket.write(encodeFrame(frameKind.handshake, Buffer.from('{"type":"hello"}')))
  return socket
}

test('at a listener: hellos over the rate are not answered, and cost neither others nor the next second anything', async () => {
  const time = new VirtualTime()
  const host = await startHost({ timers: time, clock: time })
  const { port } = host.listener
  const answered = async (socket: Socket): Promise<boolean> => {
    const closed = gone(socket)
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    await closed
    return bytes > 0
  }
  for (let left = MOST; left > 0; left -= 50) {
    const told = await Promise.all(Array.from({ length: 50 }, () => answered(hello(port))))
    assert.ok(told.every(Boolean), 'within the rate each is told why it is refused')
  }
  assert.equal(await answered(hello(port)), false)
  assert.match(host.rejections.at(-1)?.detail ?? '', /over 1000 handshakes within a second/)
  await assert.rejects(dialHost(port), { code: 'FIRESTEEL_HANDSHAKE_FAILED' })
  const other = await dialHost(port, { localAddress: '127.0.0.2' })
  assert.ok(other.isOpen)
  time.advance(1)
  const next = await dialHost(port, { identity: { cluster: 'test', incarnation: 'dialer-2' } })
  assert.ok(next.isOpen)
  other.close()
  next.close()
  await host.close()
})

test('at a listener: who leaves without a word, and who says no hello, uses up nothing', async () => {
  const time = new VirtualTime()
  const host = await startHost({ timers: time, clock: time })
  const { port } = host.listener
  for (let left = MOST + 100; left > 0; left -= 50) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const socket = await rawSocket(port)
        if (n % 2 === 0) socket.resetAndDestroy()
        else socket.write('GET / HTTP/1.1\r\n\r\n')
        socket.resume()
        if (!socket.destroyed) await once(socket, 'close')
      }),
    )
  }
  const link = await dialHost(port)
  assert.ok(link.isOpen)
  link.close()
  await host.close()
})
