import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CodeHost } from '../../actors/client/code-host.js'
import { sendCode } from '../../actors/client/send-code.js'
import { CodeVisitor } from '../../actors/worker/code/code-visitor.js'
import { CodeCache } from '../../runtime/code/code-cache.js'
import { CodeChannel } from '../../runtime/code/code-channel.js'
import { codeDisk } from '../../runtime/code/code-disk.js'
import { CodeMaker, type OpenSource } from '../../runtime/code/code-maker.js'
import type { CodeMessage, CodePiece } from '../../runtime/code/code-messages.js'
import { heldManifestsOf } from '../../runtime/code/held-manifests.js'
import { type Manifest, makeManifest } from '../../runtime/code/manifest.js'
import { ManifestBudget } from '../../runtime/code/manifest-budget.js'
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
const MIB = 2 ** 20

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
async function worker(
  t: TestContext,
  held?: ManifestBudget,
): Promise<{ port: number; cache: CodeCache; maker: CodeMaker }> {
  const cache = new CodeCache({
    folder: await tempFolder(t),
    maxBytes: 1e9,
    log: silentLog,
    wallMs: Date.now,
  })
  const maker = new CodeMaker({ cache, host: 'w1', log: silentLog })
  const port = await accept(t, (link) => {
    new CodeVisitor(link, {
      cache,
      maker,
      isHeld: () => false,
      onGone: () => {},
      onChange: () => {},
      ...(held && { held }),
    })
  })
  return { port, cache, maker }
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
  const held = new ManifestBudget(MIB)
  const { port } = await worker(t, held)
  const bytes = limits.codeManifestBytes
  const peers: Peer[] = []
  for (let n = 0; n < 5; n++) {
    const id = String(n).padStart(64, '0')
    const one = await peer(port, 'client', ({ channel }, message) => {
      if (message.type === 'want') channel.tell({ type: 'manifest', id, bytes, holders: [] })
    })
    peers.push(one)
    one.channel.tell({ type: 'offer', id, root: '/none' })
    await waitUntil('the manifest to be wanted', () => one.messages.length === 1)
  }
  // An announcement takes nothing from anybody.
  await bring(port, 10)
  assert.equal(held.bytes, 0)
  const send = async (n: number, pieces: number) => {
    const { channel } = peers[n] as Peer
    for (let left = pieces; left > 0; left--)
      await channel.send({ kind: 'manifest', place: 0, bytes: Buffer.alloc(64 * 1024, 'a') })
  }
  await send(0, 8)
  await waitUntil('the first to be here', () => held.bytes === MIB / 2)
  await send(1, 7)
  await waitUntil('the second to be here', () => held.bytes === MIB - 64 * 1024)
  await send(2, 2)
  await waitUntil('the third to be cut', () => peers[2]?.end !== undefined)
  assert.equal(held.bytes, MIB - 64 * 1024)
  assert.deepEqual(
    peers.map(({ messages }) => messages.map((message) => ('code' in message ? message.code : message.type))),
    [['want'], ['want'], ['want', 'FIRESTEEL_BUSY'], ['want'], ['want']],
  )
  // Whoever comes with a code of ordinary size is served beside them.
  await bring(port, 11)
  for (const { channel } of peers) channel.close('done')
  await waitUntil('all bytes to be given back', () => held.bytes === 0)
})

/** A manifest of some 72 KiB, of few files with long names. */
function longManifest(name: string): Promise<Manifest> {
  const hash = createHash('sha256').update(CONTENT).digest('hex')
  const folder = `${'d'.repeat(250)}/${'e'.repeat(250)}/${'f'.repeat(250)}`
  return makeManifest(
    Array.from({ length: 88 }, (_, n) => ({
      path: `${folder}/${name}-${String(n).padStart(2, '0')}`,
      bytes: CONTENT.length,
      executable: false,
      hash,
    })),
    undefined,
  )
}

/** Submitters of these codes at one Worker, all at once. */
async function submitAll(t: TestContext, held: ManifestBudget, manifests: readonly Manifest[]) {
  const { port, cache } = await worker(t, held)
  const folder = await tempFolder(t)
  await writeFiles(folder, { x: CONTENT })
  const workers = [{ id: 'w1', address: `127.0.0.1:${port}`, holds: false }]
  const client = {
    request: async ({ id }: { id: string }) => ({ inPlace: false, enough: await cache.has(id), workers }),
    credentialAt: async () => ({ role: 'client', key: deriveKey(secret, 'client'), tls: undefined }),
  } as unknown as Parameters<typeof sendCode>[1]['client']
  const place = { machine: 'far', user: 'far' } as unknown as Parameters<typeof sendCode>[1]['place']
  await Promise.all(
    manifests.map((manifest) =>
      sendCode(
        { manifest, root: folder, sourceOf: () => join(folder, 'x') },
        { client, cluster: 'test', place },
      ),
    ),
  )
  for (const { id } of manifests) assert(await cache.has(id), id)
}

test('many submitters of one code bring its manifest once, and all succeed', async (t) => {
  const held = new ManifestBudget(800 * 1024)
  const isWhole = t.mock.method(held, 'isWhole')
  const manifest = await longManifest('same')
  await submitAll(t, held, Array(24).fill(manifest))
  assert.equal(isWhole.mock.callCount(), 1)
  await waitUntil('all bytes to be given back', () => held.bytes === 0)
})

test('many submitters of different codes, whose manifests exceed the budget, all succeed', async (t) => {
  const held = new ManifestBudget(400 * 1024)
  const manifests = await Promise.all(Array.from({ length: 24 }, (_, n) => longManifest(`code-${n}`)))
  const comes = t.mock.method(held, 'comes')
  await submitAll(t, held, manifests)
  const pieces = 2 * manifests.length
  assert(comes.mock.callCount() > pieces, 'none had to come again')
  await waitUntil('all bytes to be given back', () => held.bytes === 0)
})

test('a client that offers a code and does not bring it gives way when it leaves', async (t) => {
  const { port } = await worker(t)
  const manifest = await offer(port, 3)
  await waitUntil('the code to be here', () => manifest.messages.some(({ type }) => type === 'held'))
  manifest.channel.close('done')
  const id = (await longManifest('absent')).id
  const absent = await peer(port, 'client')
  absent.channel.tell({ type: 'offer', id, root: '/none' })
  await waitUntil('its manifest to be wanted', () => absent.messages.length === 1)
  const next = await peer(port, 'client')
  next.channel.tell({ type: 'offer', id, root: '/none' })
  const after = await peer(port, 'client')
  after.channel.tell({ type: 'list', from: '' })
  await waitUntil('the Worker to have read both', () => after.messages.length === 1)
  assert.deepEqual(next.messages, [])
  absent.channel.close('gone')
  await waitUntil('the next one to be asked', () => next.messages.length === 1)
  assert.deepEqual(next.messages, [{ type: 'want', id }])
  for (const { channel } of [next, after]) channel.close('done')
})

test('who waits for a code that another brings leaves with its signal, and keeps no manifest', async (t) => {
  const { port, maker } = await worker(t)
  let goOn = (): void => {}
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const run = codeDisk.run.bind(codeDisk)
  let isBegun = false
  t.mock.method(codeDisk, 'run', async (...[name, args, transfer]: Parameters<typeof run>) => {
    if (name === 'fill') {
      isBegun = true
      await held
    }
    return run(name, args, transfer)
  })
  const manifest = await longManifest('waited')
  const receiver = {
    manifest: async () => ({ manifest, root: undefined, holders: [] }),
    files: () => new Promise(() => {}),
  }
  const open = { receiver, done: () => {} } as unknown as OpenSource
  const first = new AbortController()
  const second = new AbortController()
  const sources = [{ name: 'fake', open: async () => open }]
  const make = ({ signal }: AbortController) =>
    maker.make({ id: undefined, root: undefined, sources, signal })
  const making = assert.rejects(make(first))
  await waitUntil('the first to begin', () => isBegun)
  let isGone = false
  const waiting = assert.rejects(make(second)).then(() => {
    isGone = true
  })
  second.abort()
  await waitUntil('the second to leave', () => isGone)
  await waiting
  first.abort()
  goOn()
  void making
  await bring(port, 1)
})

test('a peer whose manifest is needed for others is told BUSY', async (t) => {
  const { port, cache } = await worker(t)
  const id = await bring(port, 3)
  const lend = cache.lend.bind(cache)
  let cut: ((detail: string) => void) | undefined
  t.mock.method(cache, 'lend', (...args: Parameters<typeof lend>) => {
    cut = args[1]
    return lend(...args)
  })
  const reader = await peer(port, 'node')
  reader.channel.tell({ type: 'want', id })
  await waitUntil('the manifest', () => reader.bytes.manifest > 0)
  cut?.('others need it')
  await waitUntil('its end', () => reader.end !== undefined)
  assert.deepEqual(reader.messages.at(-1), {
    type: 'gone',
    code: 'FIRESTEEL_BUSY',
    message: 'The code is not given now: others need it.',
  })
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
