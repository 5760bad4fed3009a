import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../runtime/clock.js'
import { silentLog } from '../../runtime/observe/log.js'
import { ownFolder, segmentPath } from '../../runtime/recording/segment-folder.js'
import { SegmentWriter } from '../../runtime/recording/segment-writer.js'
import type { CommandOutcome } from '../harness/run-command.js'
import { firesteel, folder, smallCluster } from '../tools/command-fixture.js'
import { populate, recordMaster, withLines } from '../tools/recorded-master.js'

/* `firesteel replay`, as people see it. What a core decides again is the matter of master-replay. */

interface Recorded {
  readonly cwd: string
  /** The text of its only segment. */
  readonly text: string
  replay(...args: readonly string[]): Promise<CommandOutcome>
  /** Writes another text, and replays it. */
  replayed(text: string | Buffer, ...args: readonly string[]): Promise<CommandOutcome>
}

const SEGMENT = join('recordings', 'segment-000001.jsonl')

async function recorded(t: TestContext): Promise<Recorded> {
  const cwd = await folder(t)
  const path = join(cwd, 'recordings')
  const files = await ownFolder(path)
  const maxBytes = 64 * 1024 * 1024
  await recordMaster(
    new SegmentWriter({ folder: path, files, maxBytes, clock: systemClock, log: silentLog }),
    populate,
  )
  const file = segmentPath(path, 1)
  const replay = (...args: readonly string[]) => firesteel(['replay', ...args], { cwd })
  return {
    cwd,
    text: await readFile(file, 'utf8'),
    replay,
    replayed: async (text, ...args) => {
      await writeFile(file, text)
      return replay('recordings', ...args)
    },
  }
}

/** The line with this text: its number from 1, and the offset of its first byte. */
function placeOf(text: string, part: string): { line: number; offset: number } {
  const lines = text.slice(0, text.indexOf(part)).split('\n')
  return { line: lines.length, offset: lines.slice(0, -1).join('\n').length + 1 }
}

interface ListedInput {
  readonly n: number
  readonly line: number
  readonly did: readonly string[]
}

test('a whole recording is equal; its inputs can be listed, stepped through and shown as a cluster', async (t) => {
  const { replay } = await recorded(t)
  const whole = await replay('recordings')
  assert.equal(whole.code, 0, whole.stderr)
  assert.match(
    whole.stdout,
    /^recordings\/segment-000001\.jsonl: 1970-\S+, \d+ inputs from 1, \d+ decisions all equal, the Master stops\n$/,
  )
  const listed = await replay(SEGMENT, '--list', '--json')
  const inputs = listed.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ListedInput)
  const summary = inputs.pop() as unknown as { inputs: number; decisions: number; end: string }
  assert.equal(summary.inputs, inputs.length)
  assert.equal(
    summary.decisions,
    inputs.reduce((sum, { did }) => sum + did.length, 0),
  )
  assert.equal(summary.end, 'the Master stops')
  assert.deepEqual(
    inputs.map(({ n }) => n),
    inputs.map((_, index) => index + 1),
  )
  const some = await replay(SEGMENT, '--list', '--from', '2', '--to', '3')
  assert.match(some.stdout, /^2 {2}.*\n(?: {4}.*\n)*3 {2}/)
  const stepped = await firesteel(['replay', join('recordings', 'segment-000001.jsonl'), '--step'], {
    cwd: (await recorded(t)).cwd,
    input: '\n5\nq\n',
  })
  assert.deepEqual(stepped.stdout.match(/^\d+(?= {2})/gm), ['1', '2', '5'])
  for (const [number, options] of [
    [9999, ['--list', '--from', '9999']],
    [9999, ['--list', '--json', '--from', '9999']],
    [9999, ['--status', '--to', '9999']],
    [9999, ['--from', '2', '--to', '9999']],
  ] as const) {
    const { code, stdout, stderr } = await replay(SEGMENT, ...options)
    assert.equal(code, 2, options.join(' '))
    assert.match(
      stderr,
      new RegExp(`RECORDING_LACKS_INPUT.* has no input ${number}: it has those from 1 to \\d+`),
    )
    assert.doesNotMatch(stdout, /w1/, 'nothing is shown in its place')
  }
  const status = await replay(SEGMENT, '--status')
  assert.match(status.stdout, /w1/)
})

test('another decision ends with REPLAY_DIFFERS, and names segment, input, line and both decisions', async (t) => {
  const { text, replayed } = await recorded(t)
  const { line } = placeOf(text, '"put driver ')
  const changed = withLines(text, (json) => json.replace(/("put driver \S+ )\w+"/, '$100000000"'))
  const { code, stdout, stderr } = await replayed(changed)
  assert.equal(code, 1)
  assert.match(stdout, /NOT ALL EQUAL/)
  assert.match(
    stderr,
    new RegExp(
      `^FIRESTEEL_REPLAY_DIFFERS: recordings/segment-000001\\.jsonl, input \\d+ \\(line ${line}\\): ` +
        'recorded "put driver \\S+ 00000000", replayed "put driver \\S+ \\w{8}"\\.',
    ),
  )
})

test('a damaged byte and a missing line are refused with line, offset and rule; what stands before is replayed', async (t) => {
  const { text, replayed } = await recorded(t)
  const { line, offset } = placeOf(text, '"RequestSubmitDriver"')
  const damaged = await replayed(text.replace('"RequestSubmitDriver"', '"RequestSubmitDrivel"'))
  const place = `recordings/segment-000001.jsonl, line ${line} (offset ${offset})`
  assert.equal(damaged.code, 2)
  assert.ok(
    damaged.stderr.startsWith(
      `FIRESTEEL_RECORDING_INVALID: ${place}: its checksum does not fit: it was changed, or lines before it are missing.`,
    ),
    damaged.stderr,
  )
  const before = await replayed(text.replace('"RequestSubmitDriver"', '"RequestSubmitDrivel"'), '--to', '3')
  assert.equal(before.code, 0, before.stderr)
  assert.match(before.stdout, /3 inputs from 1/)
  const lines = text.split('\n')
  const without = await replayed(lines.toSpliced(line - 1, 1).join('\n'))
  assert.ok(without.stderr.startsWith(`FIRESTEEL_RECORDING_INVALID: ${place}: its checksum`), without.stderr)
  for (const [other, rule] of [
    ['{}\n', 'it does not begin with a checksum of 8 hexadecimal digits'],
    [withLines(text, (json, index) => (index === 0 ? '{"kind":"x"}' : json)), 'it is not the header'],
    [withLines(text, (json, index) => (index === 0 ? '{' : json)), 'it is not JSON'],
  ] as const) {
    const { code, stderr } = await replayed(other)
    assert.equal(code, 2)
    assert.ok(stderr.includes(`segment-000001.jsonl, line 1 (offset 0): ${rule}`), stderr)
  }
})

test('what a killed Master left is replayed up to its last whole line, wherever it stops', async (t) => {
  const { text, replayed } = await recorded(t)
  const half = placeOf(text, '"RequestSubmitDriver"')
  const cut = await replayed(text.slice(0, half.offset + 20))
  assert.equal(cut.code, 0, cut.stderr)
  const said = `all equal, no end: the Master was killed, or still writes (line ${half.line} is cut off)\n`
  assert.ok(cut.stdout.endsWith(said), cut.stdout)
  const json = await replayed(text.slice(0, half.offset + 20), '--json')
  assert.deepEqual((JSON.parse(json.stdout) as { cut: unknown }).cut, half)
  const atLine = await replayed(text.slice(0, half.offset))
  assert.match(atLine.stdout, /all equal, no end: the Master was killed, or still writes\n$/)
  const state = text.indexOf('"kind":"saved"')
  for (const bytes of [0, 30, state]) {
    const { code, stdout, stderr } = await replayed(text.slice(0, bytes))
    assert.equal(code, 0, stderr)
    assert.match(stdout, /killed, or still writes, before the state that it begins with was written\n$/)
  }
})

test('another release, a folder without recordings, and options that contradict each other', async (t) => {
  const { text, cwd, replay, replayed } = await recorded(t)
  const old = await replayed(
    withLines(text, (json, index) =>
      index === 0 ? json.replace(/"release":"[^"]*"/, '"release":"0.0.7"') : json,
    ),
  )
  assert.equal(old.code, 2)
  assert.match(
    old.stderr,
    /^FIRESTEEL_RECORDING_OTHER_RELEASE: \S+ was recorded by Firesteel 0\.0\.7; this is /,
  )
  const none = await replay('nowhere')
  assert.match(none.stderr, /^FIRESTEEL_PATH_NOT_FOUND: nowhere cannot be read: /)
  const empty = await firesteel(['replay', '.'], { cwd: await folder(t) })
  assert.match(empty.stderr, /^FIRESTEEL_PATH_NOT_FOUND: \. holds no segment of a recording\./)
  await writeFile(segmentPath(join(cwd, 'recordings'), 2), text)
  const two = await replay('recordings', '--status')
  assert.match(two.stderr, /^FIRESTEEL_USAGE: recordings has 2 segments; --status needs one of them\./)
})

test('a Master that cannot write its recordings does not start, and says which folder and why', async (t) => {
  const file = smallCluster().concat('\ntracing: { record: { directory: ./file/recordings } }\n')
  const cwd = await folder(t, { 'c.yaml': file, file: '' })
  const { code, stderr } = await firesteel(['up', 'c.yaml'], { cwd })
  assert.notEqual(code, 0)
  assert.match(stderr, /FIRESTEEL_PATH_NOT_FOUND: \S+\/file\/recordings\/\S+ cannot be used: ENOTDIR/)
})

test('explain --replay says why something waited then, without a cluster', async (t) => {
  const { text, cwd, replay } = await recorded(t)
  const explain = (...args: readonly string[]) => firesteel(['explain', ...args], { cwd })
  const listed = await replay(SEGMENT, '--list', '--json')
  const inputs = listed.stdout.trimEnd().split('\n').slice(0, -1)
  const submittedAt = inputs.flatMap((line) => {
    const { n, did } = JSON.parse(line) as ListedInput
    const put = did.find((each) => each.startsWith('put driver '))
    return put === undefined ? [] : [{ n, id: put.split(' ')[2]! }]
  })
  const [first] = submittedAt
  const waits = submittedAt.find(({ id }) => id !== first!.id)!
  const now = await explain(waits.id, '--replay', SEGMENT)
  assert.equal(now.code, 0, now.stderr)
  assert.match(now.stdout, /: SUBMITTED\n\nWhy:\n.*100 cores/)
  const json = await explain(waits.id, '--replay', SEGMENT, '--json')
  assert.equal((JSON.parse(json.stdout) as { wait: { cause: string } }).wait.cause, 'TOO_LARGE')
  const then = await explain(first!.id, '--replay', SEGMENT, '--to', String(first!.n))
  assert.match(then.stdout, /: SUBMITTED\n/)
  const later = await explain(first!.id, '--replay', SEGMENT)
  assert.doesNotMatch(later.stdout, /: SUBMITTED\n/)
  const before = await explain(waits.id, '--replay', SEGMENT, '--to', '1')
  assert.match(
    before.stderr,
    /^FIRESTEEL_UNKNOWN_ID: \S+, input 1: the Master stood by, so it cannot explain /,
  )
  const alone = await explain(waits.id, '--to', '1')
  assert.match(alone.stderr, /^FIRESTEEL_USAGE: --to goes with --replay\./)
  await writeFile(segmentPath(join(cwd, 'recordings'), 2), text)
  const two = await explain(waits.id, '--replay', 'recordings')
  assert.match(two.stderr, /^FIRESTEEL_USAGE: recordings has 2 segments; --replay needs one\./)
})
