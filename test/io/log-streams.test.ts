import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { LogStreams } from '../../actors/worker/log-streams.js'
import { WorkFolders } from '../../actors/worker/work-folders.js'
import { limits } from '../../runtime/limits.js'
import { silentLog } from '../../runtime/observe/log.js'
import { waitUntil } from '../harness/wait-until.js'

const ID = 'driver-1'

async function worker(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'firesteel-logs-'))
  await mkdir(join(root, ID))
  await writeFile(join(root, ID, 'stdout'), 'a line\n')
  const perTurn: number[] = [0]
  const sent: { peer: string; stream: string; data: string; error: string | undefined }[] = []
  const logs = new LogStreams({
    folders: new WorkFolders(root, silentLog),
    lives: () => true,
    mayRead: () => true,
    send: (peer, { stream, data, error }) => {
      if (data !== '') perTurn[perTurn.length - 1]! += 1
      sent.push({ peer, stream, data: Buffer.from(data, 'base64').toString(), error })
      return true
    },
    bufferedBytes: () => 0,
  })
  t.after(async () => {
    logs.stopAll()
    await rm(root, { recursive: true })
  })
  let number = 0
  const follow = (incarnation: string, host: string): void =>
    logs.request(
      { incarnation, role: 'client', address: `${host}:4711` },
      { type: 'RequestLog', id: ID, output: 'stdout', stream: `s${number++}`, follow: true },
    )
  const tail = (incarnation: string, tailLines: number): void =>
    logs.request(
      { incarnation, role: 'client', address: '10.0.0.1:4711' },
      { type: 'RequestLog', id: ID, output: 'stdout', stream: `s${number++}`, tailLines, follow: false },
    )
  return {
    logs,
    follow,
    tail,
    text: (peer: string) =>
      sent
        .filter((chunk) => chunk.peer === peer)
        .map(({ data }) => data)
        .join(''),
    /** Who got the first output. */
    firstReader: () => sent.find(({ data }) => data !== '')?.peer,
    folder: join(root, ID),
    /** From now on, pieces of output that are sent in each turn of the event loop. */
    countTurns: (): readonly number[] => {
      const next = (): void => {
        perTurn.push(0)
        if (perTurn.length < 100_000) counting = setImmediate(next)
      }
      let counting = setImmediate(next)
      t.after(() => clearImmediate(counting))
      return perTurn
    },
    refused: () => sent.filter(({ error }) => error !== undefined).map(({ peer, error }) => [peer, error]),
    reads: (peer: string) =>
      waitUntil(`${peer} to read`, () => sent.some((chunk) => chunk.peer === peer && chunk.data !== '')),
  }
}

test('a link with all log streams of a Worker gives one up to each that has fewer', async (t) => {
  const { follow, refused, reads } = await worker(t)
  for (let n = 0; n < limits.logStreams + 10; n++) follow('flood', '10.0.0.1')
  const full = 'FIRESTEEL_BUSY: 256 log streams are open'
  assert.deepEqual(refused(), new Array(10).fill(['flood', full]))
  follow('honest', '10.0.0.2')
  follow('same host', '10.0.0.1')
  const gaveWay = ['flood', `${full}, and this one gives way to a reader with fewer`]
  assert.deepEqual(refused().slice(10), [gaveWay, gaveWay])
  await reads('honest')
  await reads('same host')
  follow('flood', '10.0.0.1')
  assert.deepEqual(refused().slice(12), [['flood', full]])
})

test('a host with a stream on each of very many links keeps no other host out', async (t) => {
  const { follow, refused, reads } = await worker(t)
  for (let n = 0; n < limits.logStreams; n++) follow(`flood ${n}`, '10.0.0.1')
  assert.deepEqual(refused(), [])
  follow('honest', '10.0.0.2')
  assert.deepEqual(
    refused().map(([peer]) => peer),
    ['flood 0'],
  )
  await reads('honest')
})

test('a place that was given up is free for good when its stream has ended', async (t) => {
  const { follow, logs, refused, reads } = await worker(t)
  for (let n = 0; n < limits.logStreams; n++) follow('flood', '10.0.0.1')
  for (let n = 0; n < 100; n++) follow(`honest ${n}`, `10.0.1.${n}`)
  assert.deepEqual([...new Set(refused().map(([peer]) => peer))], ['flood'])
  assert.equal(refused().length, 100)
  await reads('honest 99')
  logs.stopAllOf('flood')
  // 100 are in use, and all others are free once those of the flood have seen that they end.
  await waitUntil('places', () => {
    const before = refused().length
    follow('later', '10.0.0.3')
    return refused().length === before
  })
  assert.equal(refused().filter(([peer]) => peer !== 'flood' && peer !== 'later').length, 0)
})

test('more lines from the end than may be asked for are refused by name', async (t) => {
  const { tail, refused, reads } = await worker(t)
  tail('reader', limits.logTailLines + 1)
  assert.deepEqual(refused(), [
    [
      'reader',
      'FIRESTEEL_INVALID_ARGUMENT: tailLines is 100001; at most 100000 lines from the end can be asked for',
    ],
  ])
  tail('reader', limits.logTailLines)
  await reads('reader')
})

test('last lines that take long to find keep nobody else waiting, and end with their link', async (t) => {
  const { logs, tail, text, firstReader, refused, reads, folder } = await worker(t)
  const line = 'x'.repeat(8 * 1024 * 1024)
  await writeFile(join(folder, 'stdout'), `${line}\nlast\n`)
  for (let n = 0; n < 100; n++) tail('flood', 2)
  tail('honest', 1)
  await reads('honest')
  assert.equal(text('honest'), 'last\n')
  assert.equal(firstReader(), 'honest', 'the searches of the flood take longer')
  logs.stopAllOf('flood')
  assert.deepEqual(refused(), [])
})

test('all streams together send a few pieces in one turn, also to links that take them at once', async (t) => {
  const { follow, text, folder, countTurns } = await worker(t)
  const bytes = 20 * limits.logChunkBytes
  await writeFile(join(folder, 'stdout'), 'x'.repeat(bytes))
  const peers = ['a', 'b', 'c', 'd', 'e', 'f']
  const turns = countTurns()
  for (const peer of peers) follow(peer, '10.0.0.1')
  await waitUntil('all of it', () => peers.every((peer) => text(peer).length === bytes))
  assert.equal(Math.max(...turns), 4)
  assert.equal(
    turns.reduce((sum, count) => sum + count),
    120,
  )
})
