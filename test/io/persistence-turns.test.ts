import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { limits } from '../../runtime/limits.js'
import type { Fence, Put, RecordSchemas } from '../../runtime/persistence/engine.js'
import { FileSystemEngine } from '../../runtime/persistence/file-system/file-system-engine.js'

/* A large store is read a little in each turn of the event loop. */

/** The most that was counted between two turns of the loop. */
function perTurn() {
  let now = 0
  let most = 0
  let isOver = false
  const tick = (): void => {
    now = 0
    if (!isOver) setImmediate(tick)
  }
  setImmediate(tick)
  return {
    count(by = 1): void {
      now += by
      most = Math.max(most, now)
    },
    end(): number {
      isOver = true
      return most
    },
  }
}

async function storeOf(directory: string, puts: readonly Put[]): Promise<void> {
  const engine = engineOf(directory)
  const outcome = await engine.elect({ ...request, me: 'm1', writeId: 'e1' })
  assert.ok(outcome.kind === 'elected')
  const fence: Fence = { epoch: outcome.epoch, owner: outcome.owner }
  for (let n = 1, at = 0; at < puts.length; n++, at += 500) {
    const prev: string = n === 1 ? outcome.writeId : `m${n - 1}`
    const commit = { n, prev, writeId: `m${n}`, puts: puts.slice(at, at + 500), deletes: [] }
    assert.equal((await engine.commit(fence, commit)).kind, 'ok')
  }
  await engine.leave(fence)
  await engine.close()
}

const request = { seen: undefined, address: 'firesteel://h:1', lock: '', observedEpoch: 0, format: 1 }
const fine: RecordSchemas[keyof RecordSchemas] = () => undefined

const engineOf = (directory: string, check = fine): FileSystemEngine =>
  new FileSystemEngine({
    directory,
    cluster: 'turns',
    schemas: {
      ...{ worker: check, app: check, driver: check, ended: check, key: check },
      ...{ drain: check, deployment: check, token: check },
    },
    nowMs: () => 0,
    onWarning: () => {},
  })

for (const [name, records, bytes] of [
  ['many records', 5000, 10],
  ['large records', 40, 200_000],
] as const) {
  test(`an election over ${name} checks no more of them in one turn than is stated`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'firesteel-turns-'))
    t.after(() => rm(directory, { recursive: true }))
    const text = 'x'.repeat(bytes)
    await storeOf(
      directory,
      Array.from({ length: records }, (_, at) => ({
        table: 'driver' as const,
        id: `d${at}`,
        json: JSON.stringify({ text }),
      })),
    )
    const [items, size] = [perTurn(), perTurn()]
    const engine = engineOf(directory, () => {
      items.count()
      size.count(bytes)
      return undefined
    })
    const seen = await engine.leader()
    const outcome = await engine.elect({
      ...request,
      seen: { epoch: seen!.epoch, owner: seen!.owner },
      me: 'm2',
      writeId: 'e2',
    })
    assert.ok(outcome.kind === 'elected', JSON.stringify(outcome))
    assert.ok(items.end() <= limits.recoveryRecords)
    assert.ok(size.end() <= limits.recoveryRecordBytes + bytes)
    let cursor: string | undefined
    let read = 0
    do {
      const page = await engine.read(
        { epoch: outcome.epoch, owner: outcome.owner },
        outcome.writeId,
        'driver',
        cursor,
      )
      assert.ok(page.kind === 'page')
      read += page.records.length
      assert.ok(page.records.length <= limits.readPage)
      assert.ok(page.records.length === 1 || page.records.length * bytes <= limits.readPageBytes)
      cursor = page.cursor
    } while (cursor !== undefined)
    assert.equal(read, records)
    await engine.close()
  })
}
