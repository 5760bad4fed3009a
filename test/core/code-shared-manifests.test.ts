import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Manifest } from '../../runtime/code/manifest.js'
import { type LentManifest, SharedManifests } from '../../runtime/code/shared-manifests.js'

/** Manifests of so many bytes, which are read when the test says so. */
function reader(bytes: number, mostBytes: number) {
  const reads: string[] = []
  const open: (() => void)[] = []
  const shared = new SharedManifests((id) => {
    reads.push(id)
    return new Promise((resolve, reject) => {
      open.push(() => {
        if (id === 'damaged') reject(new Error('it is damaged'))
        else
          resolve({
            id,
            text: Buffer.alloc(bytes),
            files: [],
            bytes: 0,
            native: undefined,
          } satisfies Manifest)
      })
    })
  }, mostBytes)
  const finish = async (): Promise<void> => {
    await nextTurn()
    for (const done of open.splice(0)) done()
    await nextTurn()
  }
  return { shared, reads, finish }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const never = (): never => assert.fail('it is cut')

test('a manifest is read once for all who use it, and again when nobody had it any more', async () => {
  const { shared, reads, finish } = reader(10, 100)
  const lent = Array.from({ length: 400 }, () => shared.lend('a', never))
  await finish()
  const manifests = await Promise.all(lent.map(({ manifest }) => manifest))
  assert.equal(new Set(manifests).size, 1)
  assert.deepEqual([reads, shared.bytes], [['a'], 10])
  for (const { giveBack } of lent.slice(1)) {
    giveBack()
    giveBack()
  }
  const late = shared.lend('a', never)
  lent[0]?.giveBack()
  assert.equal(shared.bytes, 10)
  late.giveBack()
  assert.equal(shared.bytes, 0)
  void shared.lend('a', never).manifest
  await finish()
  assert.deepEqual(reads, ['a', 'a'])
})

test('one manifest is read at a time, and none that nobody waits for any more', async () => {
  const { shared, reads, finish } = reader(10, 1000)
  const lent = ['a', 'b', 'c', 'd'].map((id) => shared.lend(id, never))
  await nextTurn()
  assert.deepEqual(reads, ['a'])
  const left = assert.rejects((lent[1] as (typeof lent)[0]).manifest, { code: 'FIRESTEEL_CODE_MISSING' })
  lent[1]?.giveBack()
  await finish()
  await left
  assert.deepEqual(reads, ['a', 'c'])
  // Its user has left while it was read.
  lent[2]?.giveBack()
  await finish()
  assert.deepEqual([reads, shared.bytes], [['a', 'c', 'd'], 10])
  await finish()
  assert.equal(shared.bytes, 20)
})

test('above the budget, the users of the manifest that was lent first are told to end', async () => {
  const { shared, finish } = reader(40, 100)
  const cut: string[] = []
  const lend = (id: string, name: string) => {
    const lent = shared.lend(id, () => {
      cut.push(name)
      lent.giveBack()
    })
    return finish()
  }
  await lend('a', 'first of a')
  await lend('a', 'second of a')
  await lend('b', 'b')
  assert.equal(shared.bytes, 80)
  await lend('c', 'c')
  assert.deepEqual([cut, shared.bytes], [['first of a', 'second of a'], 80])
})

test('what could not be read is read again for the next one', async () => {
  const { shared, reads, finish } = reader(40, 100)
  for (let n = 0; n < 2; n++) {
    const failed = assert.rejects(shared.lend('damaged', never).manifest, { message: 'it is damaged' })
    await finish()
    await failed
  }
  assert.deepEqual([reads, shared.bytes], [['damaged', 'damaged'], 0])
})

test('a manifest that nobody uses is not kept until the next one is read', async () => {
  const { shared, finish } = reader(40, 100)
  let lent: LentManifest | undefined = shared.lend('a', never)
  await finish()
  const kept = new WeakRef(await lent.manifest)
  lent.giveBack()
  lent = undefined
  await nextTurn()
  collectGarbage()
  assert.equal(kept.deref(), undefined)
})
