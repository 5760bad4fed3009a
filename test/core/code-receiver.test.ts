import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CodeChannel, type CodeLink } from '../../runtime/code/code-channel.js'
import { isPiece, readFrame } from '../../runtime/code/code-messages.js'
import { CodeReceiver } from '../../runtime/code/code-receiver.js'
import { GatheredBytes } from '../../runtime/code/gathered-bytes.js'
import { FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { HeldBytes } from '../../runtime/transport/held-bytes.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* What a peer that brings a manifest can make a sink hold, and for how long. */

const MIB = 2 ** 20
const id = 'a'.repeat(64)

/** A sink whose link only notes what it is told. */
function sink(held: HeldBytes, time = new VirtualTime()) {
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

test('manifests count from their announcement until they are released, and the oldest is refused for others', async () => {
  const held = new HeldBytes(32 * MIB, 'manifests')
  const sinks = [sink(held), sink(held), sink(held)] as const
  const [first, second, third] = sinks
  const manifests = sinks.map(({ receiver }) => receiver.manifest(id))
  const refused = assert.rejects(manifests[0] as Promise<unknown>, {
    code: 'FIRESTEEL_BUSY',
    message: 'The code is not taken now: over 33554432 bytes of manifests wait, and these are the oldest.',
  })
  first.announce(16 * MIB)
  second.announce(16 * MIB)
  assert.equal(held.bytes, 32 * MIB)
  third.announce(1)
  assert.equal(held.bytes, 16 * MIB + 1)
  await refused
  assert.deepEqual(first.told, ['want', 'FIRESTEEL_BUSY'])
  // What was on its way is taken no notice of, and the link ends.
  first.piece(1000)
  first.announce(1000)
  await nextTurn()
  assert.equal(first.ends.length, 1)
  assert.deepEqual([second.ends, third.ends], [[], []])
  third.piece(1)
  await assert.rejects(manifests[2] as Promise<unknown>, { code: 'FIRESTEEL_CODE_INVALID' })
  assert.equal(held.bytes, 16 * MIB, 'what is refused is not kept')
  second.receiver.release()
  assert.equal(held.bytes, 0)
})

test('a manifest that stands still is given up, and one that comes slowly is not', async () => {
  const held = new HeldBytes(32 * MIB, 'manifests')
  const { receiver, time, ends, announce, piece } = sink(held)
  const manifest = assert.rejects(receiver.manifest(id), {
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

test('of many manifests that end in one turn, each is put together in a turn of its own', async (t) => {
  const held = new HeldBytes(32 * MIB, 'manifests')
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
  const held = new HeldBytes(32 * MIB, 'manifests')
  const { receiver, announce, piece } = sink(held)
  const manifest = receiver.manifest(id)
  announce(1000)
  piece(1000)
  receiver.fail(new FiresteelError('LINK_CLOSED', 'it ended'))
  assert.equal(held.bytes, 0)
  await assert.rejects(manifest, { message: 'it ended' })
})
