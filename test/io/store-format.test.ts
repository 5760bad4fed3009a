import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test'
import type { PersistenceEngine } from '../../runtime/persistence/engine.js'
import type { FormatRange } from '../../runtime/persistence/store-format.js'
import { electRequest, SuiteLeader, takeOver } from '../conformance/persistence-suite.js'
import { openFileStore, readFiles } from '../fixtures/file-store.js'
import { waitingDriver } from '../fixtures/record-samples.js'
import { dump, openRedisStore } from '../fixtures/redis-store.js'
import { RECORDED_CLUSTER } from '../fixtures/store-history.js'
import { type RedisServer, startRedis } from '../harness/redis-server.js'

/* The format of real stores, as releases with other ranges meet it. */

const older: FormatRange = { min: 1, max: 1 }
const newer: FormatRange = { min: 1, max: 2 }
/** It can no longer write what `older` reads. */
const newest: FormatRange = { min: 2, max: 3 }

let redis: RedisServer
before(async () => {
  redis = await startRedis()
})
after(() => redis.stop())
beforeEach(() => redis.cli('FLUSHALL'))

interface Place {
  open(formats: FormatRange): Promise<PersistenceEngine>
  /** All that it holds. */
  content(): Promise<unknown>
}

async function inRedis(t: TestContext): Promise<Place> {
  return {
    async open(formats) {
      const { engine, close } = await openRedisStore(redis, RECORDED_CLUSTER, formats)
      t.after(close)
      return engine
    },
    content: () => dump(redis),
  }
}

async function inFiles(t: TestContext): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'firesteel-format-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return {
    async open(formats) {
      const { engine, close } = openFileStore(directory, formats)
      t.after(close)
      return engine
    },
    content: () => readFiles(directory),
  }
}

const driver = (id: string) =>
  ({ table: 'driver', id, json: JSON.stringify({ ...waitingDriver, id }) }) as const

const unsupported = (text: RegExp) => ({ code: 'FIRESTEEL_VERSION_UNSUPPORTED', message: text })

for (const [name, place] of [
  ['REDIS', inRedis],
  ['FILESYSTEM', inFiles],
] as const) {
  describe(`the format of a store: ${name}`, () => {
    test('a newer release goes on with the older format, so the older one leads again; after the raise it refuses', async (t) => {
      const store = await place(t)
      const first = await store.open(older)
      await new SuiteLeader(first, await takeOver(first, 'm1')).write([driver('driver-1')])
      await first.close()
      const second = await store.open(newer)
      assert.equal((await second.leader())?.format, 1)
      await new SuiteLeader(second, await takeOver(second, 'm2')).write([driver('driver-2')])
      await second.close()
      const back = await store.open(older)
      await takeOver(back, 'm3')
      await back.close()
      const third = await store.open(newer)
      const leader = new SuiteLeader(third, await takeOver(third, 'm4'))
      const standby = await store.open(older)
      assert.equal((await standby.leader())?.format, 1)
      const raise = { ...leader.next([driver('driver-3')]), format: 2 }
      assert.equal((await third.commit(leader.fence, raise)).kind, 'ok')
      await third.close()
      const raised = await store.content()
      // One that looked before asks for the election that it meant: nothing comes of it, and it looks again.
      const election = standby.elect(electRequest('m5', leader.fence, { format: 1 }))
      const outcome = await election.catch((error: { code: string }) => error.code)
      assert.ok(
        outcome === 'FIRESTEEL_VERSION_UNSUPPORTED' || (outcome as { kind: string }).kind === 'changed',
      )
      await assert.rejects(standby.leader(), unsupported(/has format 2; this Firesteel knows 1\.$/))
      assert.deepEqual(await store.content(), raised, 'it has changed nothing')
      const next = await store.open(newest)
      assert.equal((await next.leader())?.format, 2)
      await takeOver(next, 'm6')
      assert.equal((await next.leader())?.format, 2, 'it is not raised by an election')
    })

    test('a release that can no longer write this format refuses, and says what to do', async (t) => {
      const store = await place(t)
      const first = await store.open(older)
      await takeOver(first, 'm1')
      await first.close()
      const content = await store.content()
      const next = await store.open(newest)
      const refused = unsupported(/has format 1; this Firesteel knows 2 to 3\.$/)
      await assert.rejects(next.leader(), { ...refused, help: /upgrade FILE --finish/ })
      assert.deepEqual(await store.content(), content)
    })
  })
}
