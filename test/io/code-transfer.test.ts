import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CodeCache } from '../../runtime/code/code-cache.js'
import { CodeChannel } from '../../runtime/code/code-channel.js'
import { codeDisk } from '../../runtime/code/code-disk.js'
import { sourceAt } from '../../runtime/code/code-link.js'
import { CodeMaker, type CodeNeed, type MadeCode } from '../../runtime/code/code-maker.js'
import { CodeSender, type SendableCode } from '../../runtime/code/code-sender.js'
import { collectCode } from '../../runtime/code/collect.js'
import type { DiskOrders } from '../../runtime/code/disk/disk-orders.js'
import type { ReadPieces } from '../../runtime/code/disk/file-reading.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { silentLog } from '../../runtime/observe/log.js'
import { CODE_SUBJECT } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { Link } from '../../runtime/transport/link.js'
import { listen } from '../../runtime/transport/listen.js'
import { waitUntil } from '../harness/wait-until.js'
import { tempFolder, writeFiles } from '../tools/code-folder.js'

const secret = 'a secret of the tests only, long enough'
const key = deriveKey(secret, 'node')

interface Source {
  readonly address: string
  readonly counts: { bytes: number; files: number }
  readonly held: string[]
  /** Called with each link. */
  onLink: (link: Link) => void
}

/** Somebody who listens and has the code of a folder. */
async function serve(t: TestContext, code: SendableCode | (() => Promise<SendableCode>)): Promise<Source> {
  const source = { counts: { bytes: 0, files: 0 }, held: [] as string[], onLink: (_: Link) => {} }
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    identity: { cluster: 'test', incarnation: 'source' },
    keyFor: () => key,
    onLink: (link) => {
      let sender: CodeSender
      const channel: CodeChannel = new CodeChannel(link, {
        message: (message) => {
          if (message.type === 'held') source.held.push(message.id)
          else sender.receive(message)
        },
        piece: () => {},
        closed: () => sender.close(),
      })
      sender = new CodeSender(
        channel,
        async () => (typeof code === 'function' ? code() : code),
        source.counts,
      )
      source.onLink(link)
    },
  })
  t.after(() => listener.close())
  return Object.assign(source, { address: `127.0.0.1:${listener.port}` })
}

async function codeOf(folder: string): Promise<SendableCode> {
  const { manifest, sources } = await collectCode({ folder, modules: true })
  return { manifest, sourceOf: (place) => sources[place] as string }
}

interface Node {
  readonly cache: CodeCache
  make(need: Partial<CodeNeed> & { from: readonly Source[] }): Promise<MadeCode>
}

function node(folder: string, maxBytes = 1e9): Node {
  const cache = new CodeCache({ folder, maxBytes, log: silentLog, wallMs: Date.now })
  const maker = new CodeMaker({ cache, host: 'w1', log: silentLog })
  const signal = new AbortController().signal
  return {
    cache,
    make: ({ from, ...need }) =>
      maker.make({
        id: undefined,
        root: undefined,
        signal,
        sources: from.map(({ address }) =>
          sourceAt({
            address,
            role: 'node',
            subject: CODE_SUBJECT,
            tls: undefined,
            key,
            cluster: 'test',
            advertise: '127.0.0.1:1',
          }),
        ),
        ...need,
      }),
  }
}

/** Relative paths of all files below a folder. */
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()

/** Names in the cache that are a code, whole or not. */
const codesIn = (folder: string): string[] => readdirSync(folder).filter((name) => !name.startsWith('.'))
const unfinishedIn = (folder: string): string[] => readdirSync(join(folder, '.unfinished'))

test('a code comes whole, read-only and under its own name; one more file brings only itself', async (t) => {
  const folder = await tempFolder(t)
  const large = randomBytes(9 * 1024 * 1024)
  await writeFiles(folder, {
    'a.js': 'a',
    'b/same.js': 'a',
    'b/empty': '',
    'run.sh*': 'a',
    'large.bin': large,
  })
  const first = await serve(t, await codeOf(folder))
  const root = await tempFolder(t)
  const w1 = node(root)
  const { id, folder: files } = await w1.make({ from: [first] })
  assert.deepEqual(filesBelow(files), ['a.js', 'b/empty', 'b/same.js', 'large.bin', 'run.sh'])
  assert.deepEqual(readFileSync(join(files, 'large.bin')), large)
  assert.equal(statSync(join(files, 'run.sh')).mode & 0o777, 0o555)
  assert.equal(statSync(join(files, 'b/same.js')).mode & 0o777, 0o444)
  assert.equal(statSync(join(files, 'b')).mode & 0o777, 0o555)
  // The two that are alike came once; the executable one is another.
  assert.equal(first.counts.files, 4)
  await waitUntil('the source to hear of it', () => first.held.includes(id))
  await writeFiles(folder, { 'c.js': 'new' })
  const second = await serve(t, await codeOf(folder))
  const made = await w1.make({ from: [second] })
  assert.notEqual(made.id, id)
  assert.equal(second.counts.files, 1)
  assert(second.counts.bytes < 2000, `${second.counts.bytes} bytes`)
  assert.deepEqual(readFileSync(join(made.folder, 'large.bin')), large)
  assert.deepEqual(codesIn(root).sort(), [id, made.id].sort())
})

test('who has the code is sent nothing but the manifest, and many who want it at once share one transfer', async (t) => {
  const folder = await tempFolder(t)
  await writeFiles(folder, { 'a.js': 'a', 'b.js': 'b' })
  const source = await serve(t, await codeOf(folder))
  const w1 = node(await tempFolder(t))
  const made = await Promise.all(Array.from({ length: 20 }, () => w1.make({ from: [source] })))
  assert.equal(new Set(made.map(({ id }) => id)).size, 1)
  assert.equal(source.counts.files, 2)
  // With the id known, nobody is asked.
  await w1.make({ id: made[0]?.id as string, from: [] })
  // A machine with the same files at the same path is sent none of them.
  const w2 = node(await tempFolder(t))
  const { folder: files } = await w2.make({ from: [source], root: folder })
  assert.equal(source.counts.files, 2)
  assert.equal(readFileSync(join(files, 'b.js'), 'utf8'), 'b')
})

test('a link that is cut in the middle is dialled again, and only the rest comes', async (t) => {
  const folder = await tempFolder(t)
  const names = Array.from({ length: 600 }, (_, n) => `f${n}.bin`)
  await writeFiles(folder, Object.fromEntries(names.map((name) => [name, randomBytes(20_000)])))
  const source = await serve(t, await codeOf(folder))
  let links = 0
  source.onLink = (link) => {
    if (links++ > 0) return
    const look = (): void => {
      if (source.counts.files < 300) setImmediate(look)
      else link.cut('the test cuts it')
    }
    look()
  }
  const w1 = node(await tempFolder(t))
  const { folder: files } = await w1.make({ from: [source] })
  assert.equal(links, 2)
  assert.deepEqual(filesBelow(files), [...names].sort())
  assert(source.counts.files < 900, `${source.counts.files} files were sent`)
})

test('the event loops of both sides leave the files to a thread, which gets a bounded part at a time', async (t) => {
  const folder = await tempFolder(t)
  const names = Array.from({ length: 1000 }, (_, n) => `part${n % 10}/f${n}.js`)
  await writeFiles(folder, {
    ...Object.fromEntries(names.map((name) => [name, name])),
    'large.bin': randomBytes(2e6),
  })
  let requests = 0
  // Each is a call of the system that wakes a thread of Node's pool, and then the loop.
  const hook = createHook({ init: (_, type) => void (type.startsWith('FSREQ') && requests++) }).enable()
  const run = t.mock.method(codeDisk, 'run')
  const code = await codeDisk.collect({ folder, modules: true })
  const source = await serve(t, {
    manifest: code.manifest,
    sourceOf: (place) => code.sources[place] as string,
  })
  const w1 = node(await tempFolder(t))
  const made = await w1.make({ from: [source] })
  await w1.cache.remove(made.id)
  hook.disable()
  assert.equal(source.counts.files, 1001)
  assert(requests < 50, `${requests} requests`)
  const calls = run.mock.calls.map(({ arguments: [name, args], result }) => ({ name, args, result }))
  let writes = 0
  for (const { name, args, result } of calls) {
    if (name === 'write') {
      const [, pieces] = args as Parameters<DiskOrders['write']>
      assert(pieces.length <= innerLimits.codePieces, `${pieces.length} pieces`)
      assert(pieces.reduce((sum, { bytes }) => sum + bytes, 0) <= innerLimits.codeSliceBytes)
      writes++
    }
    if (name === 'read') assert(((await result) as ReadPieces).bytes.byteLength <= innerLimits.codeSliceBytes)
  }
  // Small files go together.
  assert(writes < 300, `${writes} writes`)
})

test('a corrupt byte, a file that was changed, and a source that dies: refused, and nothing stays', async (t) => {
  const folder = await tempFolder(t)
  await writeFiles(folder, { 'a.js': 'aaaa', 'b.js': 'bbbb' })
  const code = await codeOf(folder)
  const root = await tempFolder(t)
  const w1 = node(root)
  // The source notices that the file is not what it was.
  await writeFile(join(folder, 'a.js'), 'AAAA')
  const changed = await serve(t, code)
  await assert.rejects(w1.make({ from: [changed] }), { code: 'FIRESTEEL_CODE_CHANGED' })
  // Another one has it as it was.
  const copy = await tempFolder(t)
  await writeFiles(copy, { 'a.js': 'aaaa', 'b.js': 'bbbb' })
  const whole = await serve(t, await codeOf(copy))
  const { folder: files } = await w1.make({ from: [changed, whole] })
  assert.equal(readFileSync(join(files, 'a.js'), 'utf8'), 'aaaa')
  // A source that lies: its own check is off, and the bytes are others.
  const other = await tempFolder(t)
  const w2 = node(other)
  const liar = await serveLies(t, code)
  await assert.rejects(w2.make({ from: [liar] }), { code: 'FIRESTEEL_CODE_INVALID' })
  const dead = await serve(t, code)
  dead.onLink = (link) => setImmediate(() => link.cut('it died'))
  await assert.rejects(w2.make({ from: [dead] }), { code: 'FIRESTEEL_CODE_MISSING' })
  assert.deepEqual(codesIn(other), [])
  assert.deepEqual(unfinishedIn(other), [])
})

/** Answers every file with the right number of wrong bytes. */
async function serveLies(t: TestContext, { manifest }: SendableCode): Promise<Source> {
  const source: Source = { address: '', counts: { bytes: 0, files: 0 }, held: [], onLink: () => {} }
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    identity: { cluster: 'test', incarnation: 'liar' },
    keyFor: () => key,
    onLink: (link) => {
      const channel: CodeChannel = new CodeChannel(link, {
        message: (message) => {
          if (message.type === 'want') {
            channel.tell({ type: 'manifest', id: manifest.id, bytes: manifest.text.length, holders: [] })
            void channel.send({ kind: 'manifest', place: 0, bytes: manifest.text })
          }
          if (message.type === 'get')
            for (const place of message.places)
              void channel.send({ kind: 'last', place, bytes: Buffer.from('xxxx') })
        },
        piece: () => {},
        closed: () => {},
      })
    },
  })
  t.after(() => listener.close())
  return { ...source, address: `127.0.0.1:${listener.port}` }
}

test('what was being made when a Worker died goes at its next start, and a damaged code is fetched again', async (t) => {
  const folder = await tempFolder(t)
  await writeFiles(folder, { 'a.js': 'aaaa' })
  const source = await serve(t, await codeOf(folder))
  const root = await tempFolder(t)
  const w1 = node(root)
  const { id, folder: files } = await w1.make({ from: [source] })
  await writeFiles(root, {
    '.unfinished/half-1/files/a.js': 'a',
    [`${'0'.repeat(64)}/files/a.js`]: 'no meta',
  })
  // The machine lost power: it is another run of it now, and a file has other bytes than were written.
  const meta = JSON.parse(readFileSync(join(root, id, 'meta.json'), 'utf8')) as object
  await writeFiles(root, { [`${id}/meta.json`]: JSON.stringify({ ...meta, boot: 'an earlier one' }) })
  const again = node(root)
  await again.cache.open()
  assert.deepEqual(codesIn(root), [id])
  assert.equal(await again.cache.has(id), true)
  await writeFiles(root, { [`${id}/meta.json`]: JSON.stringify({ ...meta, boot: 'an earlier one' }) })
  await writeFiles(files, { 'a.js': 'aXaa' })
  const third = node(root)
  assert.equal(await third.cache.has(id), false)
  await third.make({ from: [source] })
  assert.equal(readFileSync(join(files, 'a.js'), 'utf8'), 'aaaa')
})

test('a code above what the cache may hold is refused; a collection keeps what is held', async (t) => {
  const folder = await tempFolder(t)
  await writeFiles(folder, { 'a.bin': randomBytes(5000) })
  const source = await serve(t, await codeOf(folder))
  await assert.rejects(node(await tempFolder(t), 4000).make({ from: [source] }), {
    code: 'FIRESTEEL_CODE_TOO_LARGE',
  })
  let nowMs = Date.now()
  const cache = new CodeCache({
    folder: await tempFolder(t),
    maxBytes: 6000,
    log: silentLog,
    wallMs: () => nowMs,
  })
  const ids: string[] = []
  for (let n = 0; n < 2; n++) {
    await writeFiles(folder, { 'a.bin': randomBytes(5000) })
    const { manifest, sources } = await collectCode({ folder, modules: false })
    const draft = await cache.begin(manifest)
    await draft.fill([], undefined)
    for (const place of draft.lacking) {
      const bytes = new Uint8Array(readFileSync(sources[place] as string))
      const { done } = await draft.write([{ place, bytes: bytes.length, last: true }], bytes)
      assert.deepEqual(done, [place])
    }
    await cache.finish(draft)
    ids.push(manifest.id)
    nowMs += 1000
  }
  assert.deepEqual(await cache.collect(() => false), [], 'both are fresh')
  nowMs += 3_600_000
  assert.deepEqual(await cache.collect((id) => id === ids[0]), [ids[1]])
  assert.deepEqual(cache.ids, [ids[0]])
})
