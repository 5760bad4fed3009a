import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { limits } from '../../../runtime/limits.js'
import { encodeFrame, FrameDecoder, frameKind } from '../../../runtime/transport/frame.js'
import { DialerHandshake } from '../../../runtime/transport/handshake.js'
import { MASTER_SUBJECT } from '../../../runtime/transport/identity.js'
import { lostTailFlood } from '../../tools/lost-tail-flood.js'
import { type Attack, keepOpen } from './strangers.js'
import { type Peer, peerOf, type Target } from './target.js'

/* Attacks of peers that hold a key but have no access to the store. */

const MOST = limits.clientMessageBytes
const PONG = encodeFrame(frameKind.pong, Buffer.alloc(0))

const fill = (unit: string, head = '[', tail = ']'): Buffer =>
  Buffer.from(head + unit.repeat(Math.floor((MOST - head.length - tail.length) / unit.length)) + tail)

const junk: Readonly<Record<string, () => Buffer>> = {
  'commas and line breaks': () => fill(',\n', '[x'),
  zeros: () => fill('0,', '[', '0]'),
  'zeros, one in a line': () => fill('0,\n', '[', '0]'),
  'empty lists': () => fill('[],', '["\\u0041",', '0]'),
  'deep nesting': () => Buffer.from('['.repeat(MOST / 2 - 1) + ']'.repeat(MOST / 2 - 1)),
  'ten thousand keys': () =>
    Buffer.from(`[{${Array.from({ length: 40_000 }, (_, n) => `"k${n}":0`).join(',')}}]`),
}

/** An authenticated connection that then sends what the attack wants. */
export function proven({ host, port }: Target, peer: Peer, work: (socket: Socket) => void): Socket {
  const { role, key, subject, cluster } = peer
  const handshake = new DialerHandshake({
    identity: { cluster, incarnation: `rogue-${randomBytes(8).toString('hex')}` },
    nodeMajor: 20,
    nonce: randomBytes(32),
    role,
    subject,
    key,
  })
  const decoder = new FrameDecoder()
  const socket = connect({ host, port, noDelay: true })
  socket.on('connect', () => socket.write(encodeFrame(frameKind.handshake, handshake.start())))
  const onData = (chunk: Buffer): void => {
    decoder.feed(chunk)
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      const step = handshake.receive(frame.body)
      if (step.kind === 'waiting' && step.send) socket.write(encodeFrame(frameKind.handshake, step.send))
      if (step.kind !== 'linked') continue
      socket.off('data', onData).resume()
      // A peer that answers no ping would be ended for that.
      const beat = setInterval(
        () => socket.writable && socket.writableLength === 0 && socket.write(PONG),
        500,
      )
      socket.on('close', () => clearInterval(beat))
      work(socket)
      return
    }
  }
  return socket.on('data', onData)
}

const junkOf =
  (body: () => Buffer): Attack =>
  (target, count) => {
    const frame = encodeFrame(frameKind.envelopes, body())
    keepOpen(3, () => proven(target, keyHolder(target), (socket) => socket.write(frame)), count)
  }

/** The peer with the least rights that still gets a link. */
export const keyHolder = (target: Target): Peer =>
  peerOf(target, target.appId === undefined ? 'client' : 'application')

export interface Sent {
  readonly type: string
}

export const envelope = (target: Target, message: Sent, id: number, ask?: string): string =>
  JSON.stringify({
    from: '/user/ClientEndpoint',
    to: target.actor,
    message,
    id,
    trace: id,
    epoch: 0,
    ...(ask !== undefined && { ask, askMs: 10_000 }),
  })

export const framesOf = (lines: readonly string[], together: number): Buffer[] =>
  Array.from({ length: Math.ceil(lines.length / together) }, (_, n) =>
    encodeFrame(
      frameKind.envelopes,
      Buffer.from(`[${lines.slice(n * together, (n + 1) * together).join(',\n')}]`),
    ),
  )

/** The same frames again and again, as fast as they are taken. */
export function flood(
  peers: number,
  peer: Peer,
  target: Target,
  frames: readonly Buffer[],
  reads: boolean,
  count: (what: string) => void,
): void {
  const work = (socket: Socket): void => {
    if (!reads) socket.pause()
    const more = (): void => {
      do for (const frame of frames) socket.write(frame)
      while (socket.writable && !socket.writableNeedDrain)
    }
    socket.on('drain', more)
    more()
  }
  keepOpen(peers, () => proven(target, peer, work), count)
}

/** A Worker tells its state to its Masters only. */
const questionTypes = (target: Target): string[] =>
  target.actor === '/user/Worker' ? ['RequestTrace'] : ['RequestMasterState', 'RequestTrace']

function questions(target: Target, number: number): string[] {
  const types = questionTypes(target)
  return Array.from({ length: number }, (_, id) =>
    envelope(target, { type: types[id % types.length] as string }, id, `q${id}`),
  )
}

const execIds = new Array<number>(30_000).fill(-1)
const refused: Sent & Record<string, unknown> = {
  type: 'KillExecutors',
  appId: 'a',
  request: 1,
  execIds,
  more: 'x'.repeat(300_000),
}
export const peers: Readonly<Record<string, Attack>> = {
  ...Object.fromEntries(Object.entries(junk).map(([name, body]) => [`frames of ${name}`, junkOf(body)])),
  'twenty links of small messages'(target, count) {
    const small = Array.from({ length: 500 }, (_, id) => envelope(target, { type: 'X' }, id))
    flood(20, keyHolder(target), target, framesOf(small, 500), true, count)
  },
  'twenty links of large messages that are refused'(target, count) {
    flood(20, keyHolder(target), target, framesOf([envelope(target, refused, 1)], 1), true, count)
  },
  'twenty links of questions'(target, count) {
    flood(20, keyHolder(target), target, framesOf(questions(target, 1000), 200), true, count)
  },
  'twenty links of questions, answers unread'(target, count) {
    flood(20, keyHolder(target), target, framesOf(questions(target, 1000), 200), false, count)
  },
}

export const nodes: Readonly<Record<string, Attack>> = {
  'ten nodes with all that a message may hold'(target, count) {
    const node = peerOf(target, 'node')
    // Only a Master takes it, and only from a Master.
    const peer = target.actor === '/user/Master' ? { ...node, subject: MASTER_SUBJECT } : node
    const frames = framesOf([envelope(target, lostTailFlood('flood'), 1)], 1)
    flood(10, peer, target, frames, true, count)
  },
  'twenty nodes with questions'(target, count) {
    flood(20, peerOf(target, 'node'), target, framesOf(questions(target, 1000), 200), true, count)
  },
}
