import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { isFiresteelError } from '../../runtime/errors.js'
import { dial } from '../../runtime/transport/dial.js'
import { encodeFrame, frameKind } from '../../runtime/transport/frame.js'
import { waitUntil } from '../harness/wait-until.js'
import { Inbox } from '../tools/transport-support.js'
import { provenFrames } from './decoder-corpus.js'
import { makeStream } from './decoder-target.js'
import { makeEdits } from './edits.js'
import { callers, keyOf, SECRET } from './handshake-keys.js'
import type { Random } from './random.js'
import { CLUSTER, FuzzListener } from './socket-listener.js'
import {
  gone,
  host,
  type Leaving,
  type Rogue,
  recordedSession,
  type SocketInput,
  turn,
  visit,
} from './socket-scripts.js'
import { must, type Target } from './target.js'

const AT_ONCE = 32
/** A genuine peer connects once in this many rounds. */
const LET_IN_EVERY = 64
const GONE_MS = 20_000
const leavings: readonly Leaving[] = ['end', 'end', 'destroy', 'reset', 'wait', 'stay']
const dialCodes = [
  'SECRET_WRONG',
  'CLUSTER_MISMATCH',
  'VERSION_UNSUPPORTED',
  'CREDENTIAL_ENDED',
  'TLS_MISMATCH',
  'CERTIFICATE_REFUSED',
  'HANDSHAKE_FAILED',
  'LINK_CLOSED',
] as const

const otherVersion = (type: string): Buffer =>
  encodeFrame(frameKind.handshake, Buffer.from(JSON.stringify({ type, protocols: '2-2', shape: ['new'] })))

const strangers: readonly Buffer[] = [
  otherVersion('hello'),
  otherVersion('hello-back'),
  ...recordedSession(),
  Buffer.concat(recordedSession().slice(0, 2)),
  Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
  Buffer.from([0, 0, 4, 0, 1]),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 1]),
  ...provenFrames.slice(0, 3),
]

/** Resolves when the other side has ended or the connection is gone. */
function ended(socket: Socket): Promise<void> {
  if (socket.closed || socket.readableEnded) return Promise.resolve()
  return new Promise((resolve) => {
    socket.once('end', () => resolve()).once('close', () => resolve())
  })
}

/** The listener and our own dialer, over real sockets. */
export class SocketTarget implements Target<SocketInput> {
  readonly name = 'socket'
  readonly atOnce = AT_ONCE
  readonly #listener = new FuzzListener()
  #rogueServer!: Server
  /** Scripts for the next dials. It does not matter which dialer meets which script. */
  readonly #rogues: Rogue[] = []
  readonly #hosted = new Set<Promise<void>>()
  #rounds = 0

  async open(): Promise<void> {
    await this.#listener.open()
    this.#rogueServer = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#meet(socket))
    this.#rogueServer.listen(0, '127.0.0.1')
    await once(this.#rogueServer, 'listening')
  }

  #meet(socket: Socket): void {
    const script = this.#rogues.shift()
    if (!script) {
      socket.destroy()
      return
    }
    const done = host(socket, script).then(async () => {
      // What is left of it ends when the dialer's timeout passes.
      await gone(socket)
      this.#hosted.delete(done)
    })
    this.#hosted.add(done)
    socket.on('end', () => socket.end())
  }

  generate(random: Random): SocketInput {
    const talk = { leaving: random.pick(leavings), slow: random.oneIn(8) }
    if (random.oneIn(4)) {
      const pieces = [makeStream(random, strangers)]
      if (random.oneIn(3)) pieces.push(makeStream(random, strangers))
      return { kind: 'stranger', ...talk, pieces }
    }
    const common = {
      ...talk,
      knowsSecret: !random.oneIn(8),
      nonce: random.bytes(32),
      early: random.oneIn(3),
      edits: [0, 1].map(() => (random.oneIn(4) ? makeEdits(random, 3, strangers) : [])),
      pieces: Array.from({ length: random.int(3) }, () => makeStream(random, provenFrames)),
    }
    if (random.oneIn(3)) {
      const handshake = !random.oneIn(4)
      return {
        kind: 'rogue',
        ...common,
        handshake,
        ...(!handshake && { pieces: [makeStream(random, strangers)] }),
      }
    }
    return { kind: 'caller', ...common, caller: random.int(callers.length), incarnation: random.int(64) }
  }

  async run(inputs: readonly SocketInput[]): Promise<string[]> {
    const listener = this.#listener
    const { port } = listener
    const sockets: Socket[] = []
    const visits = inputs.map(async (input) => {
      if (input.kind === 'rogue') return ''
      const { socket, outcome } = await visit(port, input)
      sockets.push(socket)
      return outcome
    })
    const dials = inputs.flatMap((input) => (input.kind === 'rogue' ? [this.#dialled(input)] : []))
    const outcomes = await Promise.all(visits)
    await turn()
    const dialled = await this.#inTime(Promise.all(dials))
    await this.#allGone(sockets)
    if (++this.#rounds % LET_IN_EVERY === 0) await listener.letsIn()
    must(listener.failures.length === 0, `an actor failed: ${String(listener.failures[0])}`)
    return [
      ...outcomes.filter(Boolean),
      ...dialled,
      ...listener.rejected.splice(0).map((code) => `door ${code}`),
      ...listener.ends.splice(0).map((end) => `link ${end}`),
    ]
  }

  /** One dial of ours to a rogue listener. It must end in a link that ends, or in an error code. */
  async #dialled(script: Rogue): Promise<string> {
    this.#rogues.push(script)
    const { port } = this.#rogueServer.address() as { port: number }
    const { time } = this.#listener
    const incarnation = `dialer-${this.#rounds}`
    try {
      const link = await dial({
        host: '127.0.0.1',
        port,
        identity: { cluster: CLUSTER, incarnation },
        role: 'node',
        tls: undefined,
        key: keyOf(SECRET, 'node'),
        timers: time,
        clock: time,
      })
      const inbox = new Inbox()
      link.setReceiver(inbox)
      await new Promise<void>((resolve) => link.whenEnded(() => resolve()))
      return 'dialled'
    } catch (error) {
      must(
        dialCodes.some((code) => isFiresteelError(error, code)),
        `a dial failed with ${String(error)}`,
      )
      return `dial ${(error as { code: string }).code.slice('FIRESTEEL_'.length)}`
    }
  }

  /** Passes virtual time until the work is done, because a wait is always for a timer. */
  async #inTime<T>(work: Promise<T>): Promise<T> {
    const untilMs = performance.now() + GONE_MS
    let done = false
    const ending = work.finally(() => {
      done = true
    })
    // The await below gets the error.
    ending.catch(() => {})
    while (!done) {
      must(performance.now() < untilMs, `no end after ${GONE_MS} ms`)
      await this.#listener.passTime()
    }
    return ending
  }

  /** No connection may stay, whatever was left half done. */
  async #allGone(sockets: readonly Socket[]): Promise<void> {
    await this.#inTime(Promise.all(sockets.map(ended)))
    for (const socket of sockets) socket.destroy()
    await this.#inTime(Promise.all([...sockets.map(gone), ...this.#hosted]))
    const listener = this.#listener
    const quiet = () => listener.time.pending === 0 && listener.links === 0
    await this.#inTime(waitUntil('the door to be quiet', quiet, { deadlineMs: GONE_MS, everyMs: 1 }))
  }

  gauges(): Record<string, number> {
    return { ...this.#listener.gauges(), hosted: this.#hosted.size }
  }

  async settle(): Promise<void> {
    await this.#listener.letsIn()
    await this.#listener.countsRight()
    this.#listener.rejected.length = 0
  }

  async close(): Promise<void> {
    await this.#listener.close()
    this.#rogueServer.close()
  }
}
