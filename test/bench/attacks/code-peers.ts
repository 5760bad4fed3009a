import { Buffer } from 'node:buffer'
import { CodeChannel } from '../../../runtime/code/code-channel.js'
import { PIECE_BYTES } from '../../../runtime/code/code-messages.js'
import { makeManifest } from '../../../runtime/code/manifest.js'
import { limits } from '../../../runtime/limits.js'
import { dial } from '../../../runtime/transport/dial.js'
import { CODE_SUBJECT, newIncarnation } from '../../../runtime/transport/identity.js'
import type { Attack } from './strangers.js'
import { peerOf, type Target } from './target.js'

/* Attacks on the code links of a Worker, by peers that hold a key. */

type Message = Parameters<CodeChannel['tell']>[0]

/** A link for code, until it has ended. */
async function codeLink(
  { host, port, ...target }: Target,
  role: 'node' | 'client',
  work: (channel: CodeChannel, end: () => void) => (message: Message) => void,
): Promise<void> {
  const { cluster, key } = peerOf({ host, port, ...target }, role)
  const identity = { cluster, incarnation: newIncarnation('rogue') }
  const link = await dial({ host, port, role, key, identity, subject: CODE_SUBJECT, tls: undefined })
  await new Promise<void>((resolve) => {
    let receive: (message: Message) => void = () => {}
    const channel: CodeChannel = new CodeChannel(link, {
      message: (message) => receive(message),
      piece: () => {},
      closed: () => resolve(),
    })
    receive = work(channel, () => link.close())
  })
}

/** So many links, each replaced when it has ended. */
function again(together: number, open: () => Promise<void>, count: (what: string) => void): void {
  const one = (): void => {
    count('connections')
    const next = (): void => void setImmediate(one)
    open().then(next, next)
  }
  for (let n = 0; n < together; n++) one()
}

async function sendText(channel: CodeChannel, text: Buffer, bytes: number): Promise<void> {
  for (let at = 0; at < bytes && channel.isOpen; at += PIECE_BYTES)
    await channel.send({
      kind: 'manifest',
      place: 0,
      bytes: text.subarray(at, Math.min(bytes, at + PIECE_BYTES)),
    })
}

const HASH = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'
const CONTENT = Buffer.from('x')

/** A code with a manifest of two and a half MiB. */
const longNames = () =>
  makeManifest(
    Array.from({ length: 2500 }, (_, n) => ({
      path: `${'p'.repeat(240)}/${'p'.repeat(240)}/f${n}${'q'.repeat(200)}`,
      bytes: CONTENT.length,
      executable: false,
      hash: HASH,
    })),
    undefined,
  )

/** Offers a code, and gives this text for its manifest. */
const offer = (target: Target, id: string, text: Buffer, bytes: number): Promise<void> =>
  codeLink(target, 'client', (channel, end) => {
    channel.tell({ type: 'offer', id, root: '/none' })
    return (message) => {
      if (message.type === 'want') {
        channel.tell({ type: 'manifest', id, bytes: text.length, holders: [] })
        void sendText(channel, text, bytes)
      } else if (message.type === 'get') {
        for (const place of message.places) void channel.send({ kind: 'last', place, bytes: CONTENT })
      } else end()
    }
  })

const idOf = (n: number): string => String(n).padStart(64, '0')

export const codePeers: Readonly<Record<string, Attack>> = {
  'ten nodes that want manifests'(target, count) {
    void longNames().then(async ({ id, text }) => {
      await offer(target, id, text, text.length)
      const want = (): Promise<void> =>
        codeLink(target, 'node', (channel) => {
          for (let n = 0; n < 400; n++) channel.tell({ type: 'want', id })
          return () => {}
        })
      again(10, want, count)
    })
  },
  'ten nodes that want one manifest after the other'(target, count) {
    void longNames().then(async ({ id, text }) => {
      await offer(target, id, text, text.length)
      const want = (): Promise<void> =>
        codeLink(target, 'node', (channel, end) => {
          channel.tell({ type: 'want', id })
          return () => setImmediate(end)
        })
      again(10, want, count)
    })
  },
  'manifests that never become whole'(target, count) {
    const text = Buffer.alloc(limits.codeManifestBytes, 'a')
    let n = 0
    again(10, () => offer(target, idOf(n++), text, text.length - 1), count)
  },
  'manifests of long lines'(target, count) {
    const line = `${HASH} 1 - "${'b'.repeat(limits.codeManifestBytes - 200)}"`
    const text = Buffer.from(`firesteel-code 1\n${line}\n`)
    let n = 0
    again(4, () => offer(target, idOf(n++), text, text.length), count)
  },
  'manifests of long paths'(target, count) {
    const folders = `${'p'.repeat(200)}/`.repeat(4)
    const lines = Array.from({ length: 15_000 }, (_, k) => `${HASH} 1 - "${folders}f${100_000 + k}"\n`)
    const text = Buffer.from(`firesteel-code 1\n${lines.join('')}`)
    let n = 0
    again(4, () => offer(target, idOf(n++), text, text.length), count)
  },
}
