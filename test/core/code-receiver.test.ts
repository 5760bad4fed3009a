import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CodeChannel, type CodeLink } from '../../runtime/code/code-channel.js'
import { isPiece, readFrame } from '../../runtime/code/code-messages.js'
import { CodeReceiver } from '../../runtime/code/code-receiver.js'
import { GatheredBytes } from '../../runtime/code/gathered-bytes.js'
import { ManifestBudget } from '../../runtime/code/manifest-budget.js'
import { FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* What a peer that brings a manifest can make a sink hold, and for how long. */

const MIB = 2 ** 20
const id = 'a'.repeat(64)

/** A sink whose link only notes what it is told. */
function sink(held: ManifestBudget, time = new VirtualTime()) {
  const told: unknown[] = []
  const ends: string[] = []
  const link: CodeLink = {
    isOpen: true,
    sendPayload: (parts) => {
      const value = readFrame(Buffer.concat(parts))
      if (!isPiece(value)) told.push(value.type === 'failed' ? value.code : value.type)
      return true
    },
    setReceiver: () => {},
    close: (reason = '') => void ends.push(reason),
  }
  const channel = new CodeChannel(link, { message: () => {}, piece: () => {}, closed: () => {} })
  const receiver = new CodeReceiver(channel, { timers: time, held })
  const announce = (bytes: number) => receiver.receive({ type: 'manifest', id, bytes, holders: [] })
  const piece = (bytes: number) =>
    receiver.piece({ kind: 'manifest', place: 0, bytes: Buffer.alloc(bytes, 'a') })
  return { receiver, told, ends, time, announce, piece }
}

/** Brings so many bytes of one manifest, in pieces. */
function brought({ piece }: ReturnType<typeof sink>, bytes: number): void {
  for (let left = bytes; left > 0; left -= limits.payloadChunkBytes)
    piece(Math.min(left, limits.payloadChunkBytes))
}

test('what has come of manifests counts, and announcements without bytes end nobody', async () => {
  const held = new ManifestBudget(32 * MIB)
  const [first, second, third] = [sink(held), sink(held), sink(held)]
  const manifests = [first, second, third].map(({ receiver }) => receiver.manifest(id))
  first.announce(16 * MIB)
  second.announce(16 * MIB)
  assert.equal(held.bytes, 0)
  third.announce(1000)
  third.piece(1000)
  // It is whole, and no code. The others go on.
  await assert.rejects(manifests[2] as Promise<unknown>, { code: 'FIRESTEEL_CODE_INVALID' })
  assert.equal(held.bytes, 0, 'what is refused is not kept')
  first.piece(1)
  assert.equal(held.bytes, 64 * 1024, 'its memory counts')
  assert.deepEqual([first.ends, second.ends, third.ends], [[], [], []])
  first.receiver.release()
  assert.equal(held.bytes, 0)
})

test('above the budget the manifest that has brought least is told to come later, and no whole one', async () => {
  const held = new ManifestBudget(MIB)
  const sinks = [sink(held), sink(held), sink(held)] as const
  const [whole, much, little] = sinks
  const manifests = sinks.map(({ receiver }) => receiver.manifest(id))
  // What is brought here is no manifest, so each one that is whole is refused once it has been read.
  const invalid = assert.rejects(manifests[0] as Promise<unknown>, { code: 'FIRESTEEL_CODE_INVALID' })
  const refused = assert.rejects(manifests[2] as Promise<unknown>, {
    code: 'FIRESTEEL_BUSY',
    message: 'The code is not taken now: manifests that peers bring have all of their 1048576 bytes.',
  })
  whole.announce(100)
  brought(whole, 100)
  little.announce(MIB)
  brought(little, MIB / 4)
  much.announce(MIB)
  brought(much, MIB / 2)
  assert.equal(held.bytes, 0.75 * MIB + 100)
  brought(much, MIB / 4)
  assert.equal(held.bytes, 0.75 * MIB + 100)
  await refused
  assert.deepEqual(little.told, ['want', 'FIRESTEEL_BUSY'])
  // What was on its way is taken no notice of, and the link ends.
  little.piece(1000)
  little.announce(1000)
  await nextTurn()
  assert.deepEqual([whole.ends.length, much.ends.length, little.ends.length], [0, 0, 1])
  await invalid
})

test('a manifest that comes for longer than a source may stand still makes room for others', () => {
  const held = new ManifestBudget(MIB)
  const slow = sink(held)
  slow.receiver.manifest(id).catch(() => undefined)
  slow.announce(16 * MIB)
  brought(slow, MIB)
  // A newcomer is refused at first.
  const refused = sink(held)
  refused.receiver.manifest(id).catch(() => undefined)
  refused.announce(1000)
  refused.piece(1)
  assert.deepEqual([slow.told, refused.told], [['want'], ['want', 'FIRESTEEL_BUSY']])
  slow.time.advance(limits.codeStallMs - 1)
  const tooEarly = sink(held)
  tooEarly.receiver.manifest(id).catch(() => undefined)
  tooEarly.announce(1000)
  tooEarly.piece(1)
  slow.time.advance(1)
  const late = sink(held)
  late.receiver.manifest(id).catch(() => undefined)
  late.announce(1000)
  late.piece(1)
  assert.deepEqual(
    [slow.told, tooEarly.told, late.told],
    [['want', 'FIRESTEEL_BUSY'], ['want', 'FIRESTEEL_BUSY'], ['want']],
  )
  assert.equal(held.bytes, 1000)
})

test('a manifest that stands still is given up, and one that comes slowly is not', async () => {
  const held = new ManifestBudget(32 * MIB)
  const { receiver, time, ends, announce, piece } = sink(held)
  const manifest = assert.rejects(receiver.manifest(undefined), {
    code: 'FIRESTEEL_CODE_MISSING',
    message: 'its source sent nothing for 20 s',
  })
  // A driver may not know its code yet.
  time.advance(10 * limits.codeStallMs)
  assert.deepEqual(ends, [])
  announce(1000)
  for (let n = 0; n < 10; n++) {
    time.advance(limits.codeStallMs - 1)
    piece(1)
  }
  assert.deepEqual(ends, [])
  time.advance(2 * limits.codeStallMs)
  assert.deepEqual(ends, ['the source of code stands still'])
  await manifest
  assert.equal(held.bytes, 0)
})

for (const given of [id, undefined])
  test(`a manifest that drips is given up in the end, ${given ? 'asked for by its id' : 'chosen by its source'}`, async () => {
    const held = new ManifestBudget(32 * MIB)
    const { receiver, time, ends, announce, piece } = sink(held)
    const manifest = assert.rejects(receiver.manifest(given), {
      code: 'FIRESTEEL_CODE_MISSING',
      message: 'its manifest was not whole after 300 s',
    })
    announce(1000)
    for (let ms = 0; ms < limits.codeManifestMs; ms += limits.codeStallMs / 2) {
      assert.deepEqual(ends, [], `${ms} ms`)
      piece(1)
      time.advance(limits.codeStallMs / 2)
    }
    assert.deepEqual(ends, ['a manifest of code drips'])
    await manifest
    assert.equal(held.bytes, 0)
  })

test('what says nothing of the code does not keep its source from being given up', async () => {
  const { receiver, time, ends } = sink(new ManifestBudget(32 * MIB))
  const manifest = assert.rejects(receiver.manifest(id), { code: 'FIRESTEEL_CODE_MISSING' })
  for (let n = 0; n < 4; n++) {
    assert.equal(receiver.receive({ type: 'taken', bytes: 0 }), false)
    time.advance(limits.codeStallMs / 2)
  }
  time.advance(limits.codeStallMs / 2)
  await manifest
  assert.deepEqual(ends, ['the source of code stands still'])
})

test('a source that has named its code and does not bring it is given up', async () => {
  const { receiver, time, ends } = sink(new ManifestBudget(32 * MIB))
  const manifest = assert.rejects(receiver.manifest(id), {
    code: 'FIRESTEEL_CODE_MISSING',
    message: 'its source sent nothing for 20 s',
  })
  time.advance(2 * limits.codeStallMs)
  await manifest
  assert.deepEqual(ends, ['the source of code stands still'])
})

test('a source that is busy after its manifest ends the transfer, and one that has nothing may not', async () => {
  const busy = { type: 'gone', code: 'FIRESTEEL_BUSY', message: 'Later.' } as const
  const { receiver, announce, piece } = sink(new ManifestBudget(32 * MIB))
  assert.throws(() => receiver.receive(busy), { code: 'FIRESTEEL_FRAME_INVALID' })
  const manifest = receiver.manifest(id)
  announce(1000)
  piece(1000)
  receiver.receive(busy)
  await assert.rejects(manifest, { code: 'FIRESTEEL_BUSY', message: 'Later.' })
})

test('of many manifests that end in one turn, each is put together in a turn of its own', async (t) => {
  const held = new ManifestBudget(32 * MIB)
  const whole = t.mock.method(GatheredBytes.prototype, 'whole')
  const sinks = Array.from({ length: 5 }, () => sink(held))
  let left = sinks.length
  for (const { receiver, announce, piece } of sinks) {
    receiver.manifest(id).catch(() => left--)
    announce(1000)
    piece(1000)
  }
  let most = 0
  while (left > 0) {
    const before = whole.mock.callCount()
    await nextTurn()
    most = Math.max(most, whole.mock.callCount() - before)
  }
  assert.deepEqual([whole.mock.callCount(), most], [5, 1])
})

test('a manifest is not read on when its link has ended', async () => {
  const held = new ManifestBudget(32 * MIB)
  const { receiver, announce, piece } = sink(held)
  const manifest = receiver.manifest(id)
  announce(1000)
  piece(1000)
  receiver.fail(new FiresteelError('LINK_CLOSED', 'it ended'))
  assert.equal(held.bytes, 0)
  await assert.rejects(manifest, { message: 'it ended' })
})
