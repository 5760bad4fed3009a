import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { type FileLine, fileLines, openFileStore, readFiles, writeFiles } from '../fixtures/file-store.js'
import {
  dump,
  load,
  openRedisStore,
  type RedisLine,
  redisLines,
  withoutTime,
} from '../fixtures/redis-store.js'
import {
  currentRelease,
  readLines,
  readRelease,
  recordCommand,
  recordedReleases,
} from '../fixtures/releases.js'
import { readHistory, type StoreLine } from '../fixtures/store-history.js'
import { type RedisServer, startRedis } from '../harness/redis-server.js'

/*
 * What releases have stored is read by an election of today; what this one stores has not changed by
 * accident.
 */

const MEANT =
  'If this change is meant, docs/compatibility.md says which version to raise; ' +
  `then, after a build, run: ${recordCommand}`

let redis: RedisServer
before(async () => {
  redis = await startRedis()
})
after(() => redis.stop())

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'firesteel-skew-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

describe('what releases have stored is found by an election of today', () => {
  for (const release of recordedReleases()) {
    test(`${release}: REDIS`, async () => {
      await redis.cli('FLUSHALL')
      const keys = readLines<RedisLine>(release, 'redis.jsonl')
      await load(redis, keys)
      assert.deepEqual(await dump(redis), keys, 'the keys are there as they were recorded')
      const { engine, close } = await openRedisStore(redis)
      try {
        const found = await readHistory(engine)
        assert.deepEqual(found, readLines<StoreLine>(release, 'redis.meaning.jsonl'))
      } finally {
        await close()
      }
      const isLeader = ({ key }: RedisLine): boolean => key.endsWith(':leader')
      const kept = (lines: readonly RedisLine[]) => lines.filter((line) => !isLeader(line))
      assert.deepEqual(
        kept(await dump(redis)),
        kept(keys),
        'the election changed nothing but the leader record',
      )
    })

    test(`${release}: FILESYSTEM`, async (t) => {
      const directory = await folder(t)
      const files = readLines<FileLine>(release, 'file-system.jsonl')
      await writeFiles(directory, files)
      assert.deepEqual(await readFiles(directory), files, 'the files are there as they were recorded')
      const { engine, warnings, close } = openFileStore(directory)
      try {
        const found = await readHistory(engine)
        assert.deepEqual(found, readLines<StoreLine>(release, 'file-system.meaning.jsonl'))
      } finally {
        await close()
      }
      assert.deepEqual(warnings, [])
    })
  }
})

describe('this build stores what was recorded for its release', () => {
  test('REDIS: every key, field and value but the time of the server', async () => {
    await redis.cli('FLUSHALL')
    const written = withoutTime(await redisLines(redis))
    assert.deepEqual(written, withoutTime(readLines<RedisLine>(currentRelease, 'redis.jsonl')), MEANT)
  })

  test('FILESYSTEM: every byte of every file', async (t) => {
    const written = await fileLines(await folder(t))
    assert.deepEqual(written, readLines<FileLine>(currentRelease, 'file-system.jsonl'), MEANT)
    const owner = written.find((line) => line.path.endsWith('/owner'))
    assert.ok(owner && 'text' in owner)
    const { version } = JSON.parse(owner.text.split('\n')[0] ?? '') as { version: number }
    assert.equal(readRelease(currentRelease).fileVersion, version, MEANT)
  })
})
