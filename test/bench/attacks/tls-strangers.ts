import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { protocolOptions } from '../../../runtime/tls/tls-source.js'
import { type Attack, keepOpen } from './strangers.js'
import type { Target } from './target.js'

/* Attacks on TLS, of peers without certificate and key. */

const TOGETHER = 64
const SLOW = 1000
const SLOW_EVERY_MS = 500

/** First bytes of an honest handshake. Each costs the other side a key exchange and a signature. */
async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const socket = connectTls({ host: '127.0.0.1', port, ...protocolOptions })
  socket.on('error', () => undefined)
  const [peer] = await accepted
  const [hello] = (await once(peer, 'data')) as [Buffer]
  socket.destroy()
  peer.destroy()
  server.close()
  return hello
}

type PortOf = (target: Target) => number

const actors: PortOf = ({ port }) => port
const pages: PortOf = ({ web = 0 }) => web

/** Writes these bytes, and leaves with the first answer. */
const saying = (portOf: PortOf, bytes: () => Promise<Buffer>): Attack => {
  return (target, count) => {
    void bytes().then((said) =>
      keepOpen(
        TOGETHER,
        () => {
          const socket = connect({ host: target.host, port: portOf(target), noDelay: true })
          socket.on('connect', () => socket.write(said))
          socket.on('data', () => socket.resetAndDestroy())
          return socket
        },
        count,
      ),
    )
  }
}

const garbage = async (): Promise<Buffer> =>
  Buffer.concat([Buffer.from('1603010200', 'hex'), randomBytes(512)])

/** A byte now and then. */
const slow =
  (portOf: PortOf): Attack =>
  (target, count) => {
    void clientHello().then((hello) =>
      keepOpen(
        SLOW,
        () => {
          const socket = connect({ host: target.host, port: portOf(target), noDelay: true })
          let at = 0
          const timer = setInterval(() => socket.write(hello.subarray(at, ++at)), SLOW_EVERY_MS)
          socket.on('close', () => clearInterval(timer)).resume()
          return socket
        },
        count,
      ),
    )
  }

const whole: Attack = ({ host, port }, count) => {
  keepOpen(
    TOGETHER,
    () => {
      const plain = connect({ host, port, noDelay: true })
      plain.on('connect', () => {
        const socket = connectTls({ socket: plain, rejectUnauthorized: false, ...protocolOptions })
        socket.on('error', () => undefined)
        socket.on('secureConnect', () => {
          count('handshakes')
          plain.resetAndDestroy()
        })
      })
      return plain
    },
    count,
  )
}

export const tlsStrangers: Readonly<Record<string, Attack>> = {
  'TLS: garbage for a handshake': saying(actors, garbage),
  'TLS: hellos, and no more': saying(actors, clientHello),
  'TLS: whole handshakes without the key': whole,
  'TLS: a thousand slow connections': slow(actors),
  'HTTPS: garbage for a handshake': saying(pages, garbage),
  'HTTPS: hellos, and no more': saying(pages, clientHello),
  'HTTPS: a thousand slow connections': slow(pages),
}
