import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { limits } from '../../runtime/limits.js'
import { EnvelopeBatch } from '../../runtime/transport/envelope-batch.js'
import { FrameDecoder, frameKind } from '../../runtime/transport/frame.js'
import { PayloadQueue } from '../../runtime/transport/payload-queue.js'
import { readEnvelopes } from '../fixtures/read-envelopes.js'

function decode(buffers: readonly Uint8Array[]): { kind: number; body: Buffer }[] {
  const decoder = new FrameDecoder()
  decoder.open()
  return decoder.push(Buffer.concat(buffers))
}

function readAll(frames: readonly Buffer[]): unknown[] {
  return decode(frames).flatMap(({ kind, body }) => {
    assert.equal(kind, frameKind.envelopes)
    const { envelopes, broken } = readEnvelopes(body)
    assert.equal(broken, undefined)
    return envelopes
  })
}

/** JSON as the wire gives it back: no -0, no undefined, no own `__proto__`. */
const json = fc
  .jsonValue({ stringUnit: 'binary' })
  .map((value) => JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'proto')) as unknown)

test('envelopes come back in order, however they are batched', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(json, fc.boolean()), { maxLength: 30 }), (sent) => {
      const batch = new EnvelopeBatch()
      const frames: Buffer[] = []
      for (const [value, takeNow] of sent) {
        batch.add({ value })
        if (takeNow) frames.push(...batch.take())
      }
      frames.push(...batch.take())
      assert.deepEqual(
        readAll(frames),
        sent.map(([value]) => ({ value })),
      )
      assert.equal(batch.bytes, 0)
    }),
  )
})

test('sizes around the slab and the batch limit come back whole', () => {
  const sizes = [0, 1, 20_000, 43_000, 44_000, 65_536, 70_000, 131_072, 160_000]
  for (const envelope of ['a', 'ü', '€', '\u{1f525}']) {
    const batch = new EnvelopeBatch()
    const sent = [...sizes, ...sizes.toReversed(), 10, 10].map((size, id) => ({
      id,
      text: envelope.repeat(size),
    }))
    for (const envelope of sent) batch.add(envelope)
    const frames = batch.take()
    assert.ok(readAll(frames).every((got, index) => JSON.stringify(got) === JSON.stringify(sent[index])))
  }
})

test('many small envelopes share frames of about the batch limit', () => {
  const batch = new EnvelopeBatch()
  for (let id = 0; id < 5000; id++) batch.add({ id, text: 'x'.repeat(100) })
  const frames = batch.take()
  assert.ok(frames.length >= 2 && frames.length < 30, `${frames.length} frames`)
  assert.equal(readAll(frames).length, 5000)
})

test('what is no JSON or does not fit a frame is refused, and what was gathered stays', () => {
  const batch = new EnvelopeBatch()
  batch.add({ id: 1 })
  const tooLarge = { text: 'x'.repeat(limits.nodeMessageBytes) }
  const circular: { self?: object } = {}
  circular.self = circular
  for (const bad of [{ n: 1n }, circular, { toJSON: () => undefined }, tooLarge]) {
    assert.throws(() => batch.add(bad), { code: 'FIRESTEEL_MESSAGE_TOO_LARGE' })
  }
  assert.deepEqual(readAll(batch.take()), [{ id: 1 }])
})

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
const bodies: [string, string, unknown[], RegExp | undefined][] = [
  ['one malformed of three', '[{"a":1},\n{"a":,\n{"a":3}]', [{ a: 1 }], /not JSON/],
  ['no JSON at all', 'GET / HTTP/1.1', [], /not a list/],
  ['empty', '', [], /not a list/],
  ['not an array', '{"a":1}', [], /not a list/],
  ['an empty array', '[]', [], /not a list/],
  ['two in a line', '[{"a":1},{"a":2}]', [], /not one value/],
  ['one in two lines', '[{"a":1,\n"b":2}]', [], /not JSON/],
  ['a line break without a comma', '[{"a":1}\n]', [], /line break/],
  ['commas and line breaks', `[x${',\n'.repeat(100_000)}]`, [], /not JSON/],
  ['a __proto__ key', '[{"a":1},\n{"b":{"__proto__":{"admin":true}}}]', [{ a: 1 }], /__proto__/],
  ['a __proto__ key in escapes', '[{"\\u005f_proto__":1},\n{"a":1}]', [], /__proto__/],
  ['__proto__ as text only', '[{"a":"__proto__"}]', [{ a: '__proto__' }], undefined],
  ['a text of 200 KB', `["${'[{,'.repeat(70_000)}"]`, ['[{,'.repeat(70_000)], undefined],
  ['texts with escapes', `["${'\\"'.repeat(100_000)}"]`, ['"'.repeat(100_000)], undefined],
  ['too many values', `[[${'10000,'.repeat(limits.messageItems)}0]]`, [], /over 32768 values/],
  ['too many small lists', `[[${'[],'.repeat(2 * limits.messageItems)}0]]`, [], /over 32768 values/],
  ['deep nesting', `[${deep(100_000)}]`, [], /nested over 64/],
]
for (const [name, body, envelopes, broken] of bodies) {
  test(`body with ${name}`, () => {
    const read = readEnvelopes(Buffer.from(body), 1)
    if (envelopes.length > 0 || broken !== undefined) assert.deepEqual(read.envelopes, envelopes)
    if (broken === undefined) assert.equal(read.broken, undefined)
    else assert.match(read.broken ?? '', broken)
  })
}

test('a large envelope with too many values is refused by its sender as by its reader', () => {
  const envelope = { list: new Array(limits.messageItems + 1).fill(null) }
  assert.throws(() => new EnvelopeBatch().add(envelope), {
    code: 'FIRESTEEL_MESSAGE_TOO_LARGE',
    message: /over 32768 values/,
  })
  const body = Buffer.from(`[${JSON.stringify(envelope)}]`)
  assert.match(readEnvelopes(body).broken ?? '', /over 32768 values/)
})

test('random bytes throw nothing but FRAME_INVALID', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readEnvelopes(Buffer.from(bytes))))
})

test('payload frames come out in order and whole, small and large mixed', () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 50 }),
    fc.nat(30_000).map((size) => new Uint8Array(size).fill(size)),
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(part, { maxLength: 2 }), fc.nat(3)), { maxLength: 60 }),
      (sent) => {
        const queue = new PayloadQueue()
        const out: Uint8Array[] = []
        const takeOne = (): boolean => {
          const item = queue.take()
          if (item === undefined) return false
          assert.equal(
            item.buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0),
            item.bytes,
          )
          out.push(...item.buffers)
          return true
        }
        for (const [parts, takes] of sent) {
          queue.push(parts)
          for (let n = 0; n < takes; n++) takeOne()
        }
        while (takeOne());
        assert.equal(queue.bytes, 0)
        const got = decode(out).map(({ body }) => Buffer.from(body))
        const expected = sent.map(([parts]) => Buffer.concat(parts))
        assert.equal(got.length, expected.length)
        assert.ok(got.every((body, index) => body.equals(expected[index] as Buffer)))
      },
    ),
    { numRuns: 50 },
  )
})

test('small payload frames that fill several slabs come out whole', () => {
  const queue = new PayloadQueue()
  for (let id = 0; id < 3000; id++) queue.push([Buffer.from(`frame ${id} `.padEnd(100, '.'))])
  const items = []
  for (let item = queue.take(); item !== undefined; item = queue.take()) items.push(item)
  assert.ok(items.length >= 4 && items.length < 10, `${items.length} items`)
  const got = decode(items.flatMap((item) => item.buffers)).map(({ body }) => body.toString().split(' ')[1])
  assert.deepEqual(
    got,
    Array.from({ length: 3000 }, (_, id) => String(id)),
  )
})

test('a payload frame over the chunk limit is refused', () => {
  const queue = new PayloadQueue()
  const most = limits.payloadChunkBytes + limits.payloadHeaderBytes
  queue.push([new Uint8Array(most)])
  assert.throws(() => queue.push([new Uint8Array(most), new Uint8Array(1)]), { code: 'FIRESTEEL_INTERNAL' })
})

test('a queue that is never empty gives every frame once, in order, and counts what is left', () => {
  const queue = new PayloadQueue()
  const large = Buffer.alloc(5000)
  const numberOf = (buffers: readonly Uint8Array[]): number =>
    decode(buffers)[0]?.body.readUInt32LE(0) as number
  let next = 0
  let taken = 0
  for (let round = 0; round < 100; round++) {
    for (let n = 0; n < 60; n++) {
      large.writeUInt32LE(next++)
      queue.push([Buffer.from(large)])
    }
    for (let n = 0; n < 50; n++) assert.equal(numberOf(queue.take()?.buffers ?? []), taken++)
  }
  for (; taken < next; taken++) assert.equal(numberOf(queue.take()?.buffers ?? []), taken)
  assert.equal(queue.take(), undefined)
  assert.equal(queue.bytes, 0)
})
