import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { CodeHost } from '../../actors/client/code-host.js'
import { CodeVisitor } from '../../actors/worker/code/code-visitor.js'
import { CodeCache } from '../../runtime/code/code-cache.js'
import { CodeChannel } from '../../runtime/code/code-channel.js'
import { codeDisk } from '../../runtime/code/code-disk.js'
import { CodeMaker } from '../../runtime/code/code-maker.js'
import type { CodeMessage, CodePiece } from '../../runtime/code/code-messages.js'
import { heldManifestsOf } from '../../runtime/code/held-manifests.js'
import { makeManifest } from '../../runtime/code/manifest.js'
import { limits } from '../../runtime/limits.js'
import { silentLog } from '../../runtime/observe/log.js'
import { dial } from '../../runtime/transport/dial.js'
import { CODE_SUBJECT, newIncarnation } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { Link } from '../../runtime/transport/link.js'
import { listen } from '../../runtime/transport/listen.js'
import { waitUntil } from '../harness/wait-until.js'
import { tempFolder, writeFiles } from '../tools/code-folder.js'

/* What peers with a key may do with links that carry code. */

const secret = 'a secret of the tests only, long enough'
const CONTENT = 'x'

async function accept(t: TestContext, onLink: (link: Link) => void): Promise<number> {
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    identity: { cluster: 'test', incarnation: 'source' },
    keyFor: (role) => deriveKey(secret, role),
    onLink,
  })
  t.after(() => listener.close())
  return listener.port
}

/** What a Worker does with its code links. */
async function worker(t: TestContext): Promise<{ port: number; cache: CodeCache }> {
  const cache = new CodeCache({
    folder: await tempFolder(t),
    maxBytes: 1e9,
    log: silentLog,
    wallMs: Date.now,
  })
  const maker = new CodeMaker({ cache, host: 'w1', log: silentLog })
  const port = await accept(t, (link) => {
    new CodeVisitor(link, { cache, maker, isHeld: () => false, onGone: () => {}, onChange: () => {} })
  })
  return { port, cache }
}

interface Peer {
  readonly channel: CodeChannel
  readonly messages: CodeMessage[]
  readonly bytes: { manifest: number }
  /** Why its link has ended. */
  end: string | undefined
}

async function peer(
  port: number,
  role: 'client' | 'node',
  onMessage: (peer: Peer, message: CodeMessage) => void = () => {},
): Promise<Peer> {
  const link = await dial({
    host: '127.0.0.1',
    port,
    role,
    subject: CODE_SUBJECT,
    key: deriveKey(secret, role),
    tls: undefined,
    identity: { cluster: 'test', incarnation: newIncarnation('peer') },
  })
  const bytes = { manifest: 0 }
  const messages: CodeMessage[] = []
  const channel = new CodeChannel(link, {
    message: (message) => {
      messages.push(message)
      onMessage(self, message)
    },
    piece: ({ bytes: { length } }: CodePiece) => {
      bytes.manifest += length
    },
    closed: (reason) => {
      self.end = reason
    },
  })
  const self: Peer = { channel, messages, bytes, end: undefined }
  return self
}

/** Offers a code of so many files with the same content, and gives what is asked for. */
async function offer(port: number, files: number): Promise<Peer & { id: string; sent: { bytes: number } }> {
  const hash = createHash('sha256').update(CONTENT).digest('hex')
  const { id, text } = await makeManifest(
    Array.from({ length: files }, (_, n) => ({
      path: `f${n}`,
      bytes: CONTENT.length,
      executable: false,
      hash,
    })),
    undefined,
  )
  const sent = { bytes: 0 }
  const bringer = await peer(port, 'client', ({ channel }, message) => {
    if (message.type === 'want') {
      channel.tell({ type: 'manifest', id, bytes: text.length, holders: [] })
      for (let at = 0; at < text.length; at += limits.payloadChunkBytes)
        void channel.send({
          kind: 'manifest',
          place: 0,
          bytes: text.subarray(at, at + limits.payloadChunkBytes),
        })
      sent.bytes = text.length
    } else if (message.type === 'get') {
      for (const place of message.places)
        void channel.send({ kind: 'last', place, bytes: Buffer.from(CONTENT) })
    }
  })
  bringer.channel.tell({ type: 'offer', id, root: '/none' })
  return Object.assign(bringer, { id, sent })
}

/** Brings a code of so many files with the same content. */
async function bring(port: number, files: number): Promise<string> {
  const { id, messages, channel } = await offer(port, files)
  await waitUntil('the code to be brought', () => messages.some(({ type }) => type === 'held'))
  channel.close('done')
  return id
}

test('a peer that wants manifests without an end is cut, and others are given theirs', async (t) => {
  const { port, cache } = await worker(t)
  const id = await bring(port, 2500)
  const lend = t.mock.method(cache, 'lend')
  const flood = await peer(port, 'node')
  for (let n = 0; n < 400; n++) flood.channel.tell({ type: 'want', id })
  await waitUntil('the flood to be cut', () => flood.end !== undefined)
  assert(lend.mock.callCount() <= 1, `${lend.mock.callCount()} manifests were lent`)
  // One after the other is what an honest one may ask.
  const honest = await peer(port, 'node')
  let bytes = 0
  for (let n = 1; n <= 3; n++) {
    honest.channel.tell({ type: 'want', id })
    await waitUntil('the manifest to come', () => {
      const about = honest.messages.at(n - 1)
      bytes = about?.type === 'manifest' ? about.bytes : 0
      return bytes > 0 && honest.bytes.manifest === n * bytes
    })
  }
  assert.equal(honest.end, undefined)
  honest.channel.close('done')
})

test('offers, lists and removals are worked on one at a time for each peer', async (t) => {
  const { port } = await worker(t)
  const id = await bring(port, 1)
  for (const message of [
    { type: 'list', from: '' },
    { type: 'remove', id: 'f'.repeat(64) },
    { type: 'offer', id: 'f'.repeat(64), root: '/none' },
  ] as const) {
    const flood = await peer(port, 'node')
    for (let n = 0; n < 2; n++) flood.channel.tell(message)
    await waitUntil(`a second ${message.type} to be refused`, () => flood.end !== undefined)
    const honest = await peer(port, 'node')
    for (let n = 1; n <= 2 && message.type !== 'offer'; n++) {
      honest.channel.tell(message)
      await waitUntil('an answer', () => honest.messages.length === n)
    }
    honest.channel.close('done')
  }
  const honest = await peer(port, 'client')
  honest.channel.tell({ type: 'offer', id, root: '/none' })
  await waitUntil('the code to be known', () => honest.messages.some(({ type }) => type === 'held'))
  honest.channel.close('done')
})

test('manifests that clients leave unfinished stay within their budget, and are told that they are refused', async (t) => {
  const { port } = await worker(t)
  const held = heldManifestsOf('client')
  const bytes = limits.codeManifestBytes
  const peers: Peer[] = []
  for (let n = 0; n < 5; n++) {
    const id = String(n).padStart(64, '0')
    const one = await peer(port, 'client', ({ channel }, message) => {
      if (message.type !== 'want') return
      channel.tell({ type: 'manifest', id, bytes, holders: [] })
      void channel.send({ kind: 'manifest', place: 0, bytes: Buffer.alloc(1000, 'a') })
    })
    peers.push(one)
    one.channel.tell({ type: 'offer', id, root: '/none' })
    const kept = Math.min(n + 1, 2)
    await waitUntil('the manifest to be announced', () => {
      assert(held.bytes <= limits.codeManifestsBytes, `${held.bytes} bytes are held`)
      const open = peers.filter(({ end }) => end === undefined)
      return open.length === kept && held.bytes === kept * bytes
    })
  }
  assert.deepEqual(
    peers.map(({ messages }) => messages.map((message) => ('code' in message ? message.code : message.type))),
    [
      ...Array.from({ length: 3 }, () => ['want', 'FIRESTEEL_BUSY']),
      ...Array.from({ length: 2 }, () => ['want']),
    ],
  )
  // Whoever comes with a code of ordinary size is served beside them.
  await bring(port, 10)
  for (const { channel } of peers) channel.close('done')
  await waitUntil('all bytes to be given back', () => held.bytes === 0)
})

test('the thread for files begins one code at a time, and none whose link has ended meanwhile', async (t) => {
  const { port } = await worker(t)
  const orders: string[] = []
  let goOn = (): void => {}
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const run = codeDisk.run.bind(codeDisk)
  t.mock.method(codeDisk, 'run', async (...[name, args, transfer]: Parameters<typeof run>) => {
    orders.push(name)
    if (name === 'fill') await held
    return run(name, args, transfer)
  })
  const first = bring(port, 3)
  await waitUntil('the first code to be begun', () => orders.includes('fill'))
  const budget = heldManifestsOf('client')
  const bytes = budget.bytes
  const leaving = await Promise.all([4, 5, 6].map((files) => offer(port, files)))
  await waitUntil('their manifests to come', () => {
    const offered = leaving.reduce((sum, { sent }) => sum + sent.bytes, 0)
    return leaving.every(({ sent }) => sent.bytes > 0) && budget.bytes === bytes + offered
  })
  for (const { channel } of leaving) channel.close('gone')
  await waitUntil('their bytes to be given back', () => budget.bytes === bytes)
  const last = bring(port, 7)
  goOn()
  await Promise.all([first, last])
  assert.equal(orders.filter((name) => name === 'begin').length, 2)
})

test('a driver names the Workers that had its code last, however many it was told of', async (t) => {
  const folder = await tempFolder(t)
  await writeFiles(folder, { 'a.js': 'a' })
  const host = new CodeHost({ folder: Promise.resolve(folder), modules: false })
  const port = await accept(t, (link) => host.link(link))
  const executor = await peer(port, 'node')
  for (let n = 0; n < 1000; n++)
    executor.channel.tell({ type: 'held', id: 'a'.repeat(64), address: `w${n % 20}:1` })
  executor.channel.tell({ type: 'held', id: 'a'.repeat(64), address: 'w14:1' })
  executor.channel.tell({ type: 'want' })
  await waitUntil('the manifest', () => executor.messages.length > 0)
  const [about] = executor.messages
  assert.deepEqual(about?.type === 'manifest' && about.holders, [
    'w12:1',
    'w13:1',
    'w15:1',
    'w16:1',
    'w17:1',
    'w18:1',
    'w19:1',
    'w14:1',
  ])
  executor.channel.close('done')
})
