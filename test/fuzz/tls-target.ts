import { Buffer } from 'node:buffer'
import { connect } from 'node:net'
import type { TlsSource } from '../../runtime/tls/tls-source.js'
import { dial } from '../../runtime/transport/dial.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { type Listener, listen } from '../../runtime/transport/listen.js'
import { TestAuthority } from '../tools/test-authority.js'
import { clientHello } from './certificate-corpus.js'
import { applyEdits, makeEdits } from './edits.js'
import type { Random } from './random.js'
import { must, type Target } from './target.js'

const HOST = '127.0.0.1'
const KEY = deriveKey('a secret of the fuzzer, and of nothing else', 'node')
const EDITS_MAX = 4
const HELLO = Buffer.from(clientHello, 'hex')
const ALERT = 0x15
const HANDSHAKE = 0x16

/** What strangers send to a port with TLS, over real sockets: altered hellos, and records of nothing. */
export class TlsTarget implements Target<Buffer> {
  readonly name = 'tls'
  readonly atOnce = 32
  #authority: TestAuthority | undefined
  #tls: TlsSource | undefined
  #listener: Listener | undefined
  #links = 0

  async open(): Promise<void> {
    this.#authority = await TestAuthority.make()
    this.#tls = await this.#authority.source('fuzz')
    this.#listener = await listen({
      host: HOST,
      port: 0,
      identity: { cluster: 'fuzz', incarnation: 'host-1' },
      keyFor: () => KEY,
      tls: this.#tls,
      onLink: (link) => {
        this.#links++
        link.close()
      },
    })
  }

  generate(random: Random): Buffer {
    if (random.oneIn(10))
      return Buffer.concat([Buffer.from([HANDSHAKE, 3, 1]), random.bytes(random.size(600))])
    return applyEdits(HELLO, makeEdits(random, EDITS_MAX, [HELLO]))
  }

  async run(inputs: readonly Buffer[]): Promise<string[]> {
    const before = this.#links
    const answers = await Promise.all(inputs.map((bytes) => this.#said(bytes)))
    must(this.#links === before, 'a stranger has a link')
    return answers
  }

  /** An honest peer still gets in. */
  async settle(): Promise<void> {
    const before = this.#links
    const identity = { cluster: 'fuzz', incarnation: 'dialer-1' }
    const { port } = this.#listener as Listener
    const link = await dial({ host: HOST, port, identity, role: 'node', key: KEY, tls: this.#tls })
    link.close()
    must(this.#links > before, 'an honest peer has no link')
  }

  async close(): Promise<void> {
    await this.#listener?.close()
    this.#authority?.remove()
  }

  #said(bytes: Buffer): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect({ host: HOST, port: (this.#listener as Listener).port, noDelay: true })
      let answer = 'closed'
      socket.on('error', () => undefined)
      socket.once('data', (chunk: Buffer) => {
        answer = chunk[0] === ALERT ? 'alert' : chunk[0] === HANDSHAKE ? 'hello' : 'refusal'
        socket.resetAndDestroy()
      })
      socket.once('close', () => resolve(answer))
      socket.end(bytes)
    })
  }
}
