import { Buffer } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import { encodeFrame, FrameDecoder, frameKind } from '../../runtime/transport/frame.js'
import { AcceptorHandshake, DialerHandshake, type HandshakeStep } from '../../runtime/transport/handshake.js'
import { encodeHandshake } from '../../runtime/transport/handshake-message.js'
import { applyEdits, type Edit } from './edits.js'
import { callers, keyOf, SECRET } from './handshake-keys.js'
import { CLUSTER } from './socket-listener.js'

/** How a side leaves: it ends, closes at once, resets, waits for the other's end, or stays. */
export type Leaving = 'end' | 'destroy' | 'reset' | 'wait' | 'stay'

interface Talk {
  readonly leaving: Leaving
  /** Sends bytes one by one, with a turn of the event loop between them. */
  readonly slow: boolean
}

/** Sends bytes and knows nothing of a handshake. */
export interface Stranger extends Talk {
  readonly kind: 'stranger'
  readonly pieces: readonly Buffer[]
}

/**
 * May or may not know the secret, and follows the handshake nearly correctly. What it says once admitted
 * comes after.
 */
export interface Caller extends Talk {
  readonly kind: 'caller'
  readonly caller: number
  readonly incarnation: number
  readonly knowsSecret: boolean
  readonly nonce: Buffer
  /** Edits of its first and its second message. */
  readonly edits: readonly (readonly Edit[])[]
  /** True: sent together with the proof. False: sent once it is linked. */
  readonly early: boolean
  readonly pieces: readonly Buffer[]
}

/** A foreign listener that a dialer of ours has reached. */
export interface Rogue extends Talk {
  readonly kind: 'rogue'
  /** False: it only sends its pieces. */
  readonly handshake: boolean
  readonly knowsSecret: boolean
  readonly nonce: Buffer
  readonly edits: readonly (readonly Edit[])[]
  readonly early: boolean
  readonly pieces: readonly Buffer[]
}

export type SocketInput = Stranger | Caller | Rogue

const OTHER_SECRET = 'another secret of the fuzzer, long enough'
/** After this many turns of the event loop the other side has answered, if it answers at all. */
const TURNS = 40
const SLOW_BYTES_MAX = 64

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Resolves when this connection is gone, however it ends. */
export function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
}

async function write(socket: Socket, bytes: Buffer, slow: boolean): Promise<void> {
  let from = 0
  while (slow && from < Math.min(bytes.length, SLOW_BYTES_MAX)) {
    if (!socket.writable) return
    socket.write(bytes.subarray(from, ++from))
    await turn()
  }
  if (socket.writable) socket.write(bytes.subarray(from))
}

async function leave(socket: Socket, leaving: Leaving): Promise<void> {
  if (leaving === 'end') socket.end()
  else if (leaving === 'destroy') socket.destroy()
  else if (leaving === 'reset') socket.resetAndDestroy()
  else if (leaving === 'wait') for (let n = 0; n < TURNS && !socket.closed; n++) await turn()
  // The test closes a connection that stays.
}

/** One side of a handshake over a socket. Returns how far it came and how it ended. */
async function talk(
  socket: Socket,
  first: Buffer | undefined,
  receive: (body: Buffer) => HandshakeStep,
  { edits, early, pieces, slow }: Pick<Caller, 'edits' | 'early' | 'pieces' | 'slow'>,
): Promise<string> {
  const decoder = new FrameDecoder()
  let said = 0
  let outcome: string | undefined
  const outgoing: Buffer[] = []
  const say = (body: Buffer): void => {
    outgoing.push(applyEdits(encodeFrame(frameKind.handshake, body), edits[said++] ?? []))
    if (said === 2 && early) outgoing.push(...pieces)
  }
  const hear = (chunk: Buffer): void => {
    if (outcome !== undefined) return
    decoder.feed(chunk)
    for (let frame = decoder.next(); frame !== undefined && outcome === undefined; frame = decoder.next()) {
      const step = receive(frame.body)
      if (step.send) say(step.send)
      if (step.kind !== 'waiting') outcome = step.kind === 'refused' ? step.code : step.kind
    }
  }
  const onData = (chunk: Buffer): void => {
    try {
      hear(chunk)
    } catch {
      // The other side sent something that is no part of a handshake, so the handshake is over.
      outcome = 'unreadable'
    }
  }
  socket.on('data', onData)
  if (first) say(first)
  for (let n = 0; n < TURNS && outcome === undefined && !socket.closed; n++) {
    for (const bytes of outgoing.splice(0)) await write(socket, bytes, slow)
    await turn()
  }
  for (const bytes of outgoing.splice(0)) await write(socket, bytes, slow)
  if (outcome === 'linked' && !early) for (const bytes of pieces) await write(socket, bytes, slow)
  socket.off('data', onData)
  socket.resume()
  return outcome ?? (socket.closed ? 'cut' : 'unanswered')
}

/** Dials the listener and plays one input on the connection. */
export async function visit(
  port: number,
  input: Stranger | Caller,
): Promise<{ socket: Socket; outcome: string }> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.on('error', () => {})
  let outcome: string
  if (input.kind === 'stranger') {
    socket.resume()
    for (const bytes of input.pieces) await write(socket, bytes, input.slow)
    outcome = 'stranger'
  } else {
    const { role, subject } = callers[input.caller % callers.length]!
    const handshake = new DialerHandshake({
      identity: { cluster: CLUSTER, incarnation: `caller-${input.incarnation}` },
      nodeMajor: 20,
      nonce: input.nonce,
      role,
      subject,
      key: keyOf(input.knowsSecret ? SECRET : OTHER_SECRET, role, subject),
    })
    outcome = await talk(socket, handshake.start(), (body) => handshake.receive(body), input)
  }
  await leave(socket, input.leaving)
  return { socket, outcome }
}

/** Plays one input towards a dialer of ours. */
export async function host(socket: Socket, input: Rogue): Promise<void> {
  socket.on('error', () => {})
  if (input.handshake) {
    const handshake = new AcceptorHandshake({
      identity: { cluster: CLUSTER, incarnation: 'rogue-1' },
      nodeMajor: 20,
      nonce: input.nonce,
      keyFor: (role, subject) => keyOf(input.knowsSecret ? SECRET : OTHER_SECRET, role, subject),
    })
    await talk(socket, undefined, (body) => handshake.receive(body), input)
  } else {
    socket.resume()
    for (const bytes of input.pieces) await write(socket, bytes, input.slow)
  }
  await leave(socket, input.leaving)
}

/** The exact words of an earlier caller: hello and proof. */
export function recordedSession(): Buffer[] {
  const identity = { cluster: CLUSTER, incarnation: 'caller-0' }
  const key = keyOf(SECRET, 'node')
  const dialer = new DialerHandshake({
    identity,
    nodeMajor: 20,
    nonce: Buffer.alloc(32, 7),
    role: 'node',
    key,
  })
  const acceptor = new AcceptorHandshake({
    identity: { cluster: CLUSTER, incarnation: 'door-1' },
    nodeMajor: 20,
    nonce: Buffer.alloc(32, 8),
    keyFor: () => key,
  })
  const back = acceptor.receive(dialer.start())
  const proof = back.send && dialer.receive(back.send)
  const bodies = [dialer.start(), ...(proof?.send ? [proof.send] : [])]
  const refused = encodeHandshake({ type: 'refused', code: 'SECRET_WRONG', protocols: '1-1' })
  return [...bodies, refused].map((body) => encodeFrame(frameKind.handshake, body))
}
