import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { catalogue } from '../../actors/messages/catalogue.js'
import { ownFormats } from '../../runtime/persistence/store-format.js'
import { ownProtocols } from '../../runtime/transport/protocol-range.js'
import { type BootLine, bootLines, readBoot } from '../fixtures/boot.js'
import { type ConversationLine, type ConversationMeaning, converse } from '../fixtures/conversation.js'
import { type HandshakeLine, handshakeLines, playHandshake } from '../fixtures/handshakes.js'
import { type MessageLine, readMessage, writeMessage } from '../fixtures/messages.js'
import {
  currentRelease,
  type FixtureFile,
  fixtureFiles,
  type ReleaseLine,
  readLines,
  readRelease,
  recordCommand,
  recordedReleases,
  sharedStores,
} from '../fixtures/releases.js'
import { type ShapeLine, shapeLines } from '../fixtures/shapes.js'
import { readTask, type TaskLine, taskKinds, taskLines, writeTask } from '../fixtures/tasks.js'
import { readError, readValue, type ValueLine, valueLines, writeValue } from '../fixtures/values.js'
import { type BeatLine, beatLines, readBeat } from '../fixtures/wire-frame.js'

/*
 * What releases have written is still read (docs/compatibility.md), and what this one writes has not changed
 * by accident since it was recorded. Nothing is recorded here: who means a change runs the recorder.
 */

const MEANT =
  'If this change is meant, docs/compatibility.md says which version to raise; ' +
  `then, after a build, run: ${recordCommand}`
/** `what` and every item that differs, so that a failure names them all. */
function none(items: readonly string[], what: string, advice = MEANT): void {
  assert.deepEqual(items, [], `${what}\n${advice}`)
}

/** Lines that today's code writes otherwise than they were recorded. */
function changed<T>(recorded: readonly T[], today: readonly T[], nameOf: (line: T) => string): string[] {
  const now = new Map<string, string[]>()
  for (const line of today) now.set(nameOf(line), [...(now.get(nameOf(line)) ?? []), JSON.stringify(line)])
  return [
    ...recorded.flatMap((line) => {
      const found = now.get(nameOf(line))?.shift()
      return found === JSON.stringify(line)
        ? []
        : [`${nameOf(line)}: recorded ${JSON.stringify(line)}, today ${found ?? 'nothing'}`]
    }),
    ...[...now].flatMap(([name, left]) => left.map((line) => `${name}: not recorded, today ${line}`)),
  ]
}

const speaking = recordedReleases().filter((release) => {
  const { protocol } = readRelease(release)
  return protocol >= ownProtocols.min && protocol <= ownProtocols.max
})

test(`this release, ${currentRelease}, has its fixtures`, () => {
  assert.ok(
    recordedReleases().includes(currentRelease),
    `Release ${currentRelease} has no fixtures; after a build, run: ${recordCommand}`,
  )
  for (const file of Object.keys(fixtureFiles) as FixtureFile[]) {
    assert.ok(readLines(currentRelease, file).length > 0, `${file} is empty; run: ${recordCommand}`)
  }
  const { release, protocol, redisFormat } = readRelease(currentRelease)
  assert.deepEqual(
    { release, protocol, redisFormat },
    { release: currentRelease, protocol: ownProtocols.max, redisFormat: ownFormats.max },
    MEANT,
  )
})

test('every message type has a recorded example, and every kind of task message', () => {
  const types = Object.entries(catalogue).flatMap(([receiver, schemas]) =>
    [...schemas.keys()].map((type) => `${receiver}.${type}`),
  )
  const recorded = new Set(
    readLines<MessageLine>(currentRelease, 'messages.jsonl').map(
      ({ receiver, type }) => `${receiver}.${type}`,
    ),
  )
  const kinds = new Set(
    readLines<TaskLine>(currentRelease, 'tasks.jsonl').map(({ to, kind }) => `${to}.${kind}`),
  )
  none(
    [...types.filter((type) => !recorded.has(type)), ...taskKinds.filter((kind) => !kinds.has(kind))],
    'These have no recorded example.',
    `Give each a sample in test/fixtures (samples-to-*.ts, tasks.ts). ${MEANT}`,
  )
})

describe('what releases have sent is read by this build', () => {
  for (const release of speaking) {
    test(`${release}: messages`, async () => {
      for (const { receiver, type, header, body, meaning } of readLines<MessageLine>(
        release,
        'messages.jsonl',
      )) {
        const read = await readMessage(receiver, { header, body }).catch((error: unknown) => {
          assert.fail(`${receiver}.${type} of ${release} is refused: ${String(error)}`)
        })
        assert.deepEqual(read, meaning, `${receiver}.${type}`)
      }
    })

    test(`${release}: question, answer, failure and death watch`, async () => {
      const [first, ...frames] = readLines<ConversationLine | { meaning: ConversationMeaning }>(
        release,
        'conversation.jsonl',
      )
      const { meaning } = await converse(frames as ConversationLine[])
      assert.deepEqual(JSON.parse(JSON.stringify(meaning)), (first as { meaning: unknown }).meaning)
    })

    test(`${release}: handshakes and beats`, () => {
      for (const { name, parts, hello, frames, meaning } of readLines<HandshakeLine>(
        release,
        'handshakes.jsonl',
      )) {
        assert.deepEqual(playHandshake(parts, hello, frames).meaning, meaning, name)
      }
      for (const line of readLines<BeatLine>(release, 'beats.jsonl')) readBeat(line)
    })

    test(`${release}: tasks, their values and errors`, () => {
      for (const { to, kind, header, body, meaning } of readLines<TaskLine>(release, 'tasks.jsonl')) {
        assert.deepEqual(readTask(to, { header, body }), meaning, `${to}.${kind}`)
      }
      for (const line of readLines<ValueLine>(release, 'values.jsonl')) {
        const read = line.as === 'error' ? readError(line.text) : readValue(line.as, line.hex)
        assert.deepEqual(read, line.meaning, JSON.stringify(line))
      }
    })

    test(`${release}: what a driver finds at its start`, () => {
      for (const { text, meaning } of readLines<BootLine>(release, 'boot.jsonl')) {
        assert.deepEqual(readBoot(text), meaning)
      }
    })
  }
})

describe('this build sends what was recorded for its release, byte for byte', () => {
  test('messages', async () => {
    const recorded = readLines<MessageLine>(currentRelease, 'messages.jsonl')
    const today: MessageLine[] = []
    for (const line of recorded) {
      today.push({ ...line, ...(await writeMessage(line.receiver, line.meaning.message)) })
    }
    none(
      changed(recorded, today, ({ receiver, type }) => `${receiver}.${type}`),
      'The frames of these messages have changed.',
    )
  })

  test('question, answer, failure and death watch', async () => {
    const [, ...recorded] = readLines<ConversationLine>(currentRelease, 'conversation.jsonl')
    const { lines } = await converse()
    assert.deepEqual(lines, recorded, MEANT)
  })

  test('handshakes and beats', () => {
    assert.deepEqual(beatLines(), readLines<BeatLine>(currentRelease, 'beats.jsonl'), MEANT)
    const recorded = readLines<HandshakeLine>(currentRelease, 'handshakes.jsonl')
    none(
      changed(recorded, handshakeLines(), ({ name }) => name),
      'These handshakes have changed.',
    )
  })

  test('tasks', () => {
    const recorded = readLines<TaskLine>(currentRelease, 'tasks.jsonl')
    const again = recorded.map((line) => ({ ...line, ...writeTask(line.meaning) }))
    const nameOf = ({ to, kind }: TaskLine): string => `${to}.${kind}`
    none(changed(recorded, again, nameOf), 'The frames of these task messages have changed.')
    none(changed(recorded, taskLines(), nameOf), 'The samples of these task messages have changed.')
  })

  test('values and errors', () => {
    for (const line of readLines<ValueLine>(currentRelease, 'values.jsonl')) {
      // What V8 writes is V8's: another Node may write it otherwise, and must only read it.
      if (line.as !== 'error' && line.plain)
        assert.equal(writeValue(line.as, line.meaning), line.hex, `${JSON.stringify(line.meaning)}: ${MEANT}`)
    }
    const errorsOf = (lines: readonly ValueLine[]) => lines.filter(({ as }) => as === 'error')
    assert.deepEqual(
      errorsOf(valueLines()),
      errorsOf(readLines<ValueLine>(currentRelease, 'values.jsonl')),
      MEANT,
    )
  })

  test('what a driver finds at its start', async () => {
    assert.deepEqual(await bootLines(), readLines<BootLine>(currentRelease, 'boot.jsonl'), MEANT)
  })

  test('no field of a message or record has come, gone or changed', () => {
    const recorded = readLines<ShapeLine>(currentRelease, 'shapes.jsonl')
    const fields = (lines: readonly ShapeLine[]): string[] =>
      lines.flatMap(({ of, fields }) => fields.map((field) => `${of}${field}`))
    const then = new Set(fields(recorded))
    const now = new Set(fields(shapeLines()))
    none(
      [
        ...[...then].filter((field) => !now.has(field)).map((field) => `- ${field}`),
        ...[...now].filter((field) => !then.has(field)).map((field) => `+ ${field}`),
      ],
      'Fields differ: an older release refuses what it does not know.',
    )
  })
})

test('releases that do not talk to each other share no store', () => {
  const line = (
    release: string,
    protocol: number,
    redisFormat: number,
    fileVersion: number,
  ): ReleaseLine => ({
    release,
    protocol,
    redisFormat,
    fileVersion,
  })
  assert.deepEqual(
    sharedStores([line('1', 1, 1, 1), line('2', 2, 1, 2), line('3', 2, 2, 2), line('4', 3, 3, 2)]),
    ['1 and 2', '2 and 4', '3 and 4'],
  )
  assert.deepEqual(sharedStores(recordedReleases().map(readRelease)), [], MEANT)
})
