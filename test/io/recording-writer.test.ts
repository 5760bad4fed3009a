import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, open, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { Log } from '../../runtime/observe/log.js'
import { readSegment } from '../../runtime/recording/read-segment.js'
import { ownFolder, segmentsIn } from '../../runtime/recording/segment-folder.js'
import { SegmentWriter, type SegmentWriterOptions } from '../../runtime/recording/segment-writer.js'
import { waitUntil } from '../harness/wait-until.js'
import { folder } from '../tools/command-fixture.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* The files of a recording: what a disk may do to them. What the lines say does not matter here. */

const MIB = 1024 * 1024

interface Written {
  readonly path: string
  readonly clock: VirtualTime
  readonly said: { readonly text: string; readonly reason: unknown }[]
  readonly writer: SegmentWriter
}

async function written(t: TestContext, options: Partial<SegmentWriterOptions> = {}): Promise<Written> {
  const path = options.folder ?? join(await folder(t), 'recording')
  const said: Written['said'] = []
  const say = (text: string, { reason }: { reason?: unknown } = {}) => void said.push({ text, reason })
  const log: Log = { debug: say, info: say, warn: say, error: say, isEnabled: () => true, child: () => log }
  const clock = new VirtualTime()
  const files = await ownFolder(path)
  const writer = new SegmentWriter({ maxBytes: 64 * MIB, clock, log, ...options, folder: path, files })
  return { path, clock, said, writer }
}

const beginsWith =
  (...lines: readonly string[]) =>
  (): Iterator<string> =>
    lines.values()

/** All lines of a segment; throws where it is damaged or cut off. */
async function linesOf(path: string): Promise<unknown[]> {
  const lines: unknown[] = []
  for await (const read of readSegment(path, 'segment')) {
    assert.ok('value' in read, `cut off in line ${read.line}`)
    lines.push(read.value)
  }
  return lines
}

const filled = (bytes: number): string => JSON.stringify('x'.repeat(bytes))

const bytesIn = async (path: string): Promise<number> =>
  (await segmentsIn(path)).reduce((sum, { bytes }) => sum + bytes, 0)

test('lines come back in their order, and only the owner may read them, whatever the folder was before', async (t) => {
  const path = join(await folder(t), 'recording')
  await mkdir(path)
  await chmod(path, 0o755)
  const { writer } = await written(t, { folder: path })
  writer.begin((segment) => [JSON.stringify({ segment }), '"state"'].values())
  writer.append('"ü"')
  writer.append('2')
  writer.end('"end"')
  await writer.close()
  const [file] = await segmentsIn(path)
  assert.deepEqual(await linesOf(file!.path), [{ segment: 1 }, 'state', 'ü', 2, 'end'])
  assert.equal((await stat(path)).mode & 0o777, 0o700)
  assert.equal((await stat(file!.path)).mode & 0o777, 0o600)
})

test('a disk that takes nothing: what waits is bounded, the segment stops, and the log says it once', async (t) => {
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const { writer, said, clock, path } = await written(t, {
    create: async (file) => {
      const handle = await open(file, 'wx', 0o600)
      return {
        write: async (data) => {
          await released
          return handle.write(data)
        },
        truncate: (bytes) => handle.truncate(bytes),
        close: () => handle.close(),
      }
    },
  })
  writer.begin(beginsWith('"state"'))
  let taken = 0
  for (; writer.isOpen; taken++) writer.append(filled(MIB))
  assert.ok(taken * MIB <= innerLimits.recordingWaitingBytes, `${taken} MiB were taken`)
  assert.ok(taken >= 15)
  assert.deepEqual(said, [{ text: 'the recording of this Master has a gap', reason: 'the disk is too slow' }])
  assert.equal(writer.isReady, false)
  clock.advance(innerLimits.recordingRetryMs)
  assert.equal(writer.isReady, true)
  release()
  writer.begin(beginsWith('"state 2"'))
  writer.end('"end"')
  await writer.close()
  const last = (await segmentsIn(path)).at(-1)!
  assert.equal(last.number, 2)
  assert.deepEqual(await linesOf(last.path), ['state 2', 'end'])
  assert.equal(said.at(-1)?.text, 'the recording of this Master goes on')
})

test('a disk that hangs keeps nobody from the end: what it took stays, and the log says that the rest is lost', async (t) => {
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  let writes = 0
  const time = new VirtualTime()
  const { writer, said, path } = await written(t, {
    timers: time,
    create: async (file) => {
      const handle = await open(file, 'wx', 0o600)
      const write = async (data: Buffer) => {
        if (++writes > 1) await released
        return handle.write(data)
      }
      return { write, truncate: (bytes) => handle.truncate(bytes), close: () => handle.close() }
    },
  })
  writer.begin(beginsWith('"state"'))
  await waitUntil('the state is written', () => writes === 1)
  writer.append('1')
  await waitUntil('the disk hangs', () => writes === 2)
  writer.append('2')
  writer.end('"end"')
  const closed = writer.close()
  time.advance(innerLimits.recordingCloseMs)
  await closed
  const reason = `the disk has not taken its end within ${innerLimits.recordingCloseMs} ms`
  assert.deepEqual(said, [{ text: 'the recording of this Master has a gap', reason }])
  release()
  await waitUntil(
    'the file ends',
    async () => (await linesOf((await segmentsIn(path))[0]!.path)).length === 2,
  )
  assert.deepEqual(await linesOf((await segmentsIn(path))[0]!.path), ['state', 1])
})

/** Files of this process may not grow beyond this: a write above it is cut short, and the next one fails. */
function limitFiles(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`])
}

test('a disk without room for a line: the segment ends with its last whole line, and another follows later', async (t) => {
  const { writer, said, clock, path } = await written(t)
  t.after(() => limitFiles('unlimited'))
  limitFiles(256 * 1024)
  writer.begin(beginsWith('"state"'))
  let taken = 0
  for (; writer.isOpen && taken < 100; taken++) {
    writer.append(filled(50_000))
    // Each line has a write of its own.
    const before = said.length
    await waitUntil(
      'the write',
      async () => said.length > before || (await bytesIn(path)) >= (taken + 1) * 50_000,
    )
  }
  assert.equal(taken, 6)
  await writer.close()
  assert.match(String(said[0]?.reason), /EFBIG/)
  const [first] = await segmentsIn(path)
  assert.equal((await linesOf(first!.path)).length, 1 + 5)
  // A state that does not fit leaves nothing.
  clock.advance(innerLimits.recordingRetryMs)
  writer.begin(beginsWith(filled(300_000)))
  await writer.close()
  assert.deepEqual(await readdir(path), ['segment-000001.jsonl'])
  limitFiles('unlimited')
  clock.advance(innerLimits.recordingRetryMs)
  writer.begin(beginsWith(filled(300_000)))
  writer.end('"end"')
  await writer.close()
  const last = (await segmentsIn(path)).at(-1)!
  assert.equal((await linesOf(last.path)).length, 2)
  const texts = said.map(({ text }) => text)
  assert.deepEqual(texts, ['the recording of this Master has a gap', 'the recording of this Master goes on'])
})

test('a disk that is full from the beginning', async (t) => {
  const { writer, said, path } = await written(t, { create: () => open('/dev/full', 'w') })
  writer.begin(beginsWith('"state"'))
  await waitUntil('the failure', () => !writer.isOpen)
  await writer.close()
  assert.match(String(said[0]?.reason), /ENOSPC/)
  assert.deepEqual(await readdir(path), [])
})

test('all segments together never exceed maxBytes, those of an earlier process included', async (t) => {
  const maxBytes = 256 * 1024
  const earlier = await written(t, { maxBytes })
  const { path } = earlier
  let most = 0
  const fill = async (writer: SegmentWriter, segments: number): Promise<void> => {
    for (let number = 0; number < segments; number++) {
      writer.begin(beginsWith('"state"'))
      do {
        writer.append(filled(2000))
        await waitUntil('a write', async () => (await bytesIn(path)) > 0)
        most = Math.max(most, await bytesIn(path))
      } while (!writer.isFull)
      writer.end('"end"')
    }
    await writer.close()
    most = Math.max(most, await bytesIn(path))
  }
  await fill(earlier.writer, 6)
  assert.deepEqual((await segmentsIn(path)).map(({ number }) => number).slice(0, 2), [1, 2])
  const { writer } = await written(t, { folder: path, maxBytes })
  await fill(writer, 6)
  const numbers = (await segmentsIn(path)).map(({ number }) => number)
  assert.equal(numbers.at(-1), 12)
  assert.ok(numbers[0]! > 1 && numbers.length >= innerLimits.recordingSegments - 1, numbers.join())
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => numbers[0]! + index),
  )
  assert.ok(most <= maxBytes, `${most} bytes`)
})

test('a state above half of maxBytes is not recorded, and the log says why', async (t) => {
  const { writer, said, path } = await written(t, { maxBytes: 10_000 })
  writer.begin(beginsWith(filled(3000), filled(3000)))
  await waitUntil('the failure', () => !writer.isOpen)
  await writer.close()
  assert.match(String(said[0]?.reason), /takes more than half of tracing\.record\.maxBytes/)
  assert.deepEqual(await readdir(path), [])
})

test('a folder that cannot be made is an error that names it', async (t) => {
  const cwd = await folder(t, { file: '' })
  const place = join(cwd, 'file', 'm1')
  await assert.rejects(ownFolder(place), { code: 'FIRESTEEL_PATH_NOT_FOUND', place })
  await writeFile(join(cwd, 'segment-000001.txt'), '')
  assert.deepEqual(await segmentsIn(cwd), [])
})
