import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type DialOptions, dial } from '../../runtime/transport/dial.js'
import { encodeFrame, FrameDecoder, frameKind } from '../../runtime/transport/frame.js'
import { DialerHandshake } from '../../runtime/transport/handshake.js'
import type { Role } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { Link, LinkReceiver } from '../../runtime/transport/link.js'
import type { LinkEnd } from '../../runtime/transport/link-end.js'
import { type Listener, type ListenOptions, listen } from '../../runtime/transport/listen.js'
import { waitUntil } from '../harness/wait-until.js'

export const SECRET = 'a secret of the tests only, long enough'
export const NODE_KEY = deriveKey(SECRET, 'node')

/** Keeps what a link delivers. */
export class Inbox implements LinkReceiver {
  readonly envelopes: unknown[] = []
  payloadBytes = 0
  drains = 0
  end: LinkEnd | undefined
  /** What came, in order. */
  readonly order: string[] = []

  capacity(): number {
    return Number.POSITIVE_INFINITY
  }
  envelope(raw: unknown): void {
    this.envelopes.push(raw)
    this.order.push('envelope')
  }
  payload(body: Buffer): void {
    this.payloadBytes += body.length
    this.order.push('payload')
  }
  drain(): void {
    this.drains++
  }
  closed(end: LinkEnd): void {
    this.end = end
  }
}

/** A listener that keeps its links, each with an Inbox. */
export interface Host {
  readonly listener: Listener
  readonly links: Link[]
  readonly inboxes: Inbox[]
  readonly rejections: { code: string; detail: string }[]
  readonly invalid: string[]
  close(): Promise<void>
}

export async function startHost(options: Partial<ListenOptions> = {}): Promise<Host> {
  const links: Link[] = []
  const inboxes: Inbox[] = []
  const rejections: { code: string; detail: string }[] = []
  const invalid: string[] = []
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    identity: { cluster: 'test', incarnation: 'host-1', advertise: 'host.example:7070' },
    keyFor: (role) => (role === 'node' || role === 'worker' || role === 'client' ? NODE_KEY : undefined),
    onRejected: (rejection) => rejections.push(rejection),
    onInvalid: (report) => invalid.push(report.detail),
    ...options,
    onLink: (link) => {
      links.push(link)
      if (options.onLink !== undefined) {
        options.onLink(link)
        return
      }
      const inbox = new Inbox()
      inboxes.push(inbox)
      link.setReceiver(inbox)
    },
  })
  const close = async (): Promise<void> => {
    for (const link of links) link.close()
    await listener.close()
  }
  return { listener, links, inboxes, rejections, invalid, close }
}

export function dialHost(port: number, options: Partial<DialOptions> = {}): Promise<Link> {
  return dial({
    host: '127.0.0.1',
    port,
    identity: { cluster: 'test', incarnation: 'dialer-1' },
    role: 'node',
    tls: undefined,
    key: NODE_KEY,
    ...options,
  })
}

/** Both ends of a link. */
export async function linkPair(
  host: Host,
  options: Partial<DialOptions> = {},
): Promise<{ link: Link; inbox: Inbox; far: Link; farInbox: Inbox }> {
  const index = host.links.length
  const link = await dialHost(host.listener.port, options)
  const inbox = new Inbox()
  link.setReceiver(inbox)
  await waitUntil('the link at the host', () => host.links.length > index)
  return { link, inbox, far: host.links[index] as Link, farInbox: host.inboxes[index] as Inbox }
}

/** Resolves when a socket is gone, by error or not. */
export function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

/** A bare connection, for peers that misbehave. */
export async function rawSocket(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

export interface RawPeer {
  readonly incarnation?: string
  readonly role?: Role
  readonly key?: Buffer
  readonly cluster?: string
  /** True: it does not close when the other side does. */
  readonly allowHalfOpen?: boolean
}

/** A peer that proves the secret and then misbehaves by hand. */
export async function provenRaw(port: number, peer: RawPeer = {}): Promise<Socket> {
  const {
    incarnation = 'rogue-1',
    role = 'node',
    key = NODE_KEY,
    cluster = 'test',
    allowHalfOpen = false,
  } = peer
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen })
  const handshake = new DialerHandshake({
    identity: { cluster, incarnation },
    nodeMajor: 20,
    nonce: Buffer.alloc(32, 9),
    role,
    key,
  })
  const decoder = new FrameDecoder()
  socket.on('error', () => {})
  socket.write(encodeFrame(frameKind.handshake, handshake.start()))
  await new Promise<void>((resolve, reject) => {
    for (const end of ['end', 'close']) socket.once(end, () => reject(new Error('closed')))
    socket.on('data', (chunk: Buffer) => {
      decoder.feed(chunk)
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        const step = handshake.receive(frame.body)
        if (step.kind === 'waiting' && step.send !== undefined) {
          socket.write(encodeFrame(frameKind.handshake, step.send))
        } else if (step.kind === 'linked') {
          socket.removeAllListeners('data')
          socket.resume()
          resolve()
          // What comes behind the handshake is no handshake.
          return
        } else reject(new Error(step.kind))
      }
    })
  })
  return socket
}
