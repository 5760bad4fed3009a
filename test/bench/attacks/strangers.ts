import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { encodeFrame, frameKind } from '../../../runtime/transport/frame.js'
import { DialerHandshake } from '../../../runtime/transport/handshake.js'
import type { Target } from './target.js'

/* Attacks of peers without a key. Each goes on until its process ends, as fast as one core allows. */

export type Attack = (target: Target, count: (what: string) => void) => void

const TOGETHER = 64

/** Keeps so many connections open. Each is replaced when it has closed. */
export function keepOpen(together: number, open: () => Socket, count: (what: string) => void): void {
  const one = (): void => {
    const socket = open()
    socket.on('error', () => undefined)
    socket.on('connect', () => count('connections'))
    socket.on('close', () => setImmediate(one))
  }
  for (let n = 0; n < together; n++) one()
}

const to = ({ host, port }: Target): Socket => connect({ host, port, noDelay: true })

/** A hello that anybody can make. Its proof is not asked for. */
function hello(target: Target, key: Buffer): DialerHandshake {
  return new DialerHandshake({
    identity: { cluster: target.cluster, incarnation: `stranger-${randomBytes(8).toString('hex')}` },
    nodeMajor: 20,
    nonce: randomBytes(32),
    role: 'client',
    key,
  })
}

const request = 'GET /json/ HTTP/1.1\r\nHost: localhost\r\n\r\n'

function http(together: number, work: (socket: Socket) => void): Attack {
  return ({ host, web }, count) => {
    keepOpen(
      together,
      () => {
        const socket = connect({ host, port: web as number })
        socket.on('connect', () => work(socket))
        return socket
      },
      count,
    )
  }
}

export const strangers: Readonly<Record<string, Attack>> = {
  'connect and leave'(target, count) {
    // It ends with a reset, so that the ports of one address are not used up.
    keepOpen(
      TOGETHER,
      () =>
        to(target).on('connect', function (this: Socket) {
          this.resetAndDestroy()
        }),
      count,
    )
  },
  'garbage for a handshake'(target, count) {
    const garbage = randomBytes(1024)
    keepOpen(
      TOGETHER,
      () =>
        to(target)
          .on('connect', function (this: Socket) {
            this.write(garbage)
          })
          .on('data', function (this: Socket) {
            this.resetAndDestroy()
          }),
      count,
    )
  },
  'handshakes without the key'(target, count) {
    const key = randomBytes(32)
    keepOpen(
      TOGETHER,
      () => {
        const handshake = hello(target, key)
        const socket = to(target)
        socket.on('connect', () => socket.write(encodeFrame(frameKind.handshake, handshake.start())))
        socket.once('data', (chunk: Buffer) => {
          const { send } = handshake.receive(chunk.subarray(5))
          if (send) socket.write(encodeFrame(frameKind.handshake, send))
          socket.on('data', () => socket.resetAndDestroy())
        })
        return socket
      },
      count,
    )
  },
  'a thousand silent connections'(target, count) {
    keepOpen(1000, () => to(target), count)
  },
  'HTTP: 32 ask for the state': http(32, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      if (chunk.subarray(-7).includes('0\r\n\r\n')) socket.write(request)
    })
    socket.write(request)
  }),
  'HTTP: 50 pipeline without end': http(50, (socket) => {
    const burst = request.repeat(500)
    const more = (): void => {
      while (socket.writable && socket.write(burst)) {}
    }
    socket.on('drain', more).resume()
    more()
  }),
  'HTTP: 1,100 whose request never ends': http(1100, (socket) => {
    socket.resume()
    socket.write('GET / HTTP/1.1\r\nHost: ')
  }),
  'HTTP: connect and leave': http(TOGETHER, (socket) => socket.resetAndDestroy()),
}
