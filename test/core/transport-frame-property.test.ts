import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { EnvelopeBatch } from '../../runtime/transport/envelope-batch.js'
import { encodeFrame, FrameDecoder, type FrameKind, frameKind } from '../../runtime/transport/frame.js'
import { readEnvelopes } from '../fixtures/read-envelopes.js'

/*
 * The frame decoder beside a plain one that sees the whole stream at once; the envelopes in frames beside the
 * objects that went in. (transport-frame.test.ts has the limits one by one.)
 */

interface Seen {
  readonly kind: number
  readonly body: string
}
type Reading = { readonly frames: readonly Seen[]; readonly broken: boolean }

/** Most bytes of a body, written down from protocol 16 and the limits. */
function allowed(kind: number, proven: boolean): number | undefined {
  if (!proven) return kind === 1 ? limits.handshakeBytes : undefined
  const most = [
    undefined,
    undefined,
    limits.nodeMessageBytes + 2,
    limits.payloadChunkBytes + limits.payloadHeaderBytes,
    0,
    0,
  ]
  return most[kind]
}

/** The model: `opensAfter` handshake frames the proof is done. */
function readPlainly(stream: Buffer, opensAfter: number): Reading {
  const frames: Seen[] = []
  let at = 0
  while (stream.length - at >= 5) {
    const length = stream.readUInt32BE(at)
    const kind = stream[at + 4]!
    const most = allowed(kind, frames.length >= opensAfter)
    if (most === undefined || length > most) return { frames, broken: true }
    if (stream.length - at - 5 < length) break
    frames.push({ kind, body: stream.toString('hex', at + 5, at + 5 + length) })
    at += 5 + length
  }
  return { frames, broken: false }
}

/**
 * The real one, on these pieces, as `runHandshake` and `Link` use it: what lies behind a handshake waits for
 * the link, while more comes.
 */
function read(pieces: readonly Buffer[], opensAfter: number, waits: readonly boolean[] = [false]): Reading {
  const decoder = new FrameDecoder()
  if (opensAfter === 0) decoder.open()
  const frames: Seen[] = []
  let came = 0
  for (const [at, piece] of pieces.entries()) {
    came += piece.length
    decoder.feed(piece)
    if (waits[at % waits.length] && at < pieces.length - 1) continue
    try {
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        frames.push({ kind: frame.kind, body: frame.body.toString('hex') })
        if (frames.length === opensAfter) decoder.open()
      }
    } catch (error) {
      assert.ok(isFiresteelError(error, 'FRAME_INVALID'), String(error))
      assert.throws(() => decoder.next(), { code: 'FIRESTEEL_FRAME_INVALID' }, 'a broken stream stays broken')
      return { frames, broken: true }
    }
    assert.ok(decoder.allocatedBytes <= Math.max(64 * 1024, 2 * came), 'room for what did not come')
  }
  return { frames, broken: false }
}

function cut(stream: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b), stream.length]
  return at.slice(1).map((end, index) => stream.subarray(at[index], end))
}

const body = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes))
const frameOf = (kind: FrameKind) => (bytes: Uint8Array) => encodeFrame(kind, bytes)
const provenFrame = fc.oneof(
  body(200).map(frameOf(frameKind.envelopes)),
  body(200).map(frameOf(frameKind.payload)),
  fc.constantFrom(encodeFrame(frameKind.ping, Buffer.alloc(0)), encodeFrame(frameKind.pong, Buffer.alloc(0))),
)
const waits = fc.array(fc.boolean(), { minLength: 1, maxLength: 5 })
const places = fc.array(fc.nat(3000), { maxLength: 30 })
const link = fc.record({
  handshakes: fc.array(body(100).map(frameOf(frameKind.handshake)), { maxLength: 3 }),
  frames: fc.array(provenFrame, { maxLength: 10 }),
})

test('a link, cut anywhere, gives the frames that went in', () => {
  fc.assert(
    fc.property(link, places, waits, ({ handshakes, frames }, where, waiting) => {
      const sent = [...handshakes, ...frames]
      const { frames: got, broken } = read(cut(Buffer.concat(sent), where), handshakes.length, waiting)
      assert.equal(broken, false)
      assert.deepEqual(
        got,
        sent.map((frame) => ({ kind: frame[4], body: frame.toString('hex', 5) })),
      )
    }),
    { numRuns: 1000 },
  )
})

/** What goes wrong on the way: bits, lengths, pieces. */
const damage = fc.array(
  fc.record({
    place: fc.nat(3000),
    value: fc.nat(255),
    how: fc.constantFrom<'set' | 'drop' | 'insert' | 'length'>('set', 'drop', 'insert', 'length'),
  }),
  { maxLength: 4 },
)

function damaged(stream: Buffer, edits: typeof damage extends fc.Arbitrary<infer D> ? D : never): Buffer {
  let bytes = Buffer.from(stream)
  for (const { place, value, how } of edits) {
    const at = place % (bytes.length + 1)
    if (how === 'set' && at < bytes.length) bytes[at] = value
    else if (how === 'length' && at + 4 <= bytes.length) bytes.writeUInt32BE(value * 257, at)
    else if (how === 'drop') bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + (value % 9))])
    else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(value % 9, value), bytes.subarray(at)])
  }
  return bytes
}

test('any stream, damaged or noise, gives what the plain reader gives, wherever it is cut', () => {
  const noise = fc
    .array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 })
    .map((parts) => Buffer.concat(parts))
  const small = fc
    .tuple(
      fc.oneof(fc.nat(1100), fc.constantFrom(0, 1, 1023, 1024, 1025)),
      fc.nat(6),
      fc.uint8Array({ maxLength: 40 }),
    )
    .map(([length, kind, rest]) => Buffer.from([0, 0, length >> 8, length & 255, kind, ...rest]))
  const stream = fc.oneof(
    fc.tuple(link, damage).map(([{ handshakes, frames }, edits]) => ({
      bytes: damaged(Buffer.concat([...handshakes, ...frames]), edits),
      opensAfter: handshakes.length,
    })),
    fc
      .tuple(
        fc.oneof(
          noise,
          fc.array(small, { maxLength: 4 }).map((parts) => Buffer.concat(parts)),
        ),
        fc.nat(3),
      )
      .map(([bytes, opensAfter]) => ({ bytes, opensAfter })),
  )
  let broken = 0
  let whole = 0
  fc.assert(
    fc.property(stream, places, waits, ({ bytes, opensAfter }, where, waiting) => {
      const expected = readPlainly(bytes, opensAfter)
      assert.deepEqual(read(cut(bytes, where), opensAfter, waiting), expected)
      if (expected.broken) broken++
      else if (expected.frames.length > 0) whole++
    }),
    { numRuns: 3000 },
  )
  assert.ok(broken > 300 && whole > 300, `the streams are too tame: ${broken} broken, ${whole} whole`)
})

test('byte by byte is as good as at once', () => {
  fc.assert(
    fc.property(link, damage, ({ handshakes, frames }, edits) => {
      const bytes = damaged(Buffer.concat([...handshakes, ...frames]), edits)
      const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
      assert.deepEqual(read(single, handshakes.length), read([bytes], handshakes.length))
    }),
    { numRuns: 300 },
  )
})

const plain = fc.jsonValue({ maxDepth: 3 }).filter((value) => !JSON.stringify(value).includes('__proto__'))
const envelope = fc.record({ to: fc.string({ unit: 'grapheme' }), message: plain })

test('envelopes that were gathered come out of any cutting as they went in', () => {
  fc.assert(
    fc.property(fc.array(fc.array(envelope, { maxLength: 6 }), { maxLength: 4 }), places, (turns, where) => {
      const batch = new EnvelopeBatch()
      const frames: Buffer[] = []
      for (const turn of turns) {
        for (const each of turn) assert.equal(batch.add(each), Buffer.byteLength(JSON.stringify(each)))
        frames.push(...batch.take().map((frame) => Buffer.from(frame)))
        assert.equal(batch.bytes, 0)
      }
      const decoder = new FrameDecoder()
      decoder.open()
      const got: unknown[] = []
      for (const piece of cut(Buffer.concat(frames), where)) {
        for (const frame of decoder.push(piece)) {
          assert.equal(frame.kind, frameKind.envelopes)
          const { envelopes, broken } = readEnvelopes(frame.body)
          assert.equal(broken, undefined)
          got.push(...envelopes)
        }
      }
      assert.deepEqual(got, JSON.parse(JSON.stringify(turns.flat())))
    }),
    { numRuns: 500 },
  )
})

/** Gathers texts; what fits comes out whole, what does not is refused alone, no frame is over its limit. */
function gather(wanted: readonly string[]): void {
  const { nodeMessageBytes } = limits
  const batch = new EnvelopeBatch()
  const accepted: object[] = []
  for (const x of wanted) {
    // {"x":""} is 8 bytes.
    const fits = Buffer.byteLength(x) + 8 <= nodeMessageBytes
    try {
      batch.add({ x })
      accepted.push({ x })
    } catch (error) {
      assert.ok(isFiresteelError(error, 'MESSAGE_TOO_LARGE'))
      assert.ok(!fits)
      continue
    }
    assert.ok(fits)
  }
  const frames = batch.take()
  for (const frame of frames) {
    assert.ok(frame.length - 5 <= nodeMessageBytes + 2)
    assert.equal(frame.readUInt32BE(0), frame.length - 5)
  }
  // Compared as one text: far faster than part by part, and of megabytes nobody reads the difference.
  const read = frames.flatMap((frame) => readEnvelopes(frame.subarray(5)).envelopes)
  assert.ok(JSON.stringify(read) === JSON.stringify(accepted), 'what came out is not what went in')
}

test('no frame of a batch is over its limit, what does not fit is refused alone, the rest comes out whole', () => {
  const text = fc
    .tuple(fc.constantFrom('x', 'é', '€', '😀'), fc.oneof(fc.nat(300), fc.nat(20_000), fc.nat(60_000)))
    .map(([unit, size]) => unit.repeat(size))
  fc.assert(fc.property(fc.array(text, { maxLength: 8, size: 'max' }), gather), { numRuns: 60 })
  for (const beside of [-9, -8, -7, 0]) gather(['é', 'x'.repeat(limits.nodeMessageBytes + beside), '€'])
})

/** One line of a frame: a good envelope, or something that is none. */
const line = fc.oneof(
  { weight: 3, arbitrary: plain.map((value) => ({ text: JSON.stringify({ value }), good: true })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        ...[
          '{',
          '{"a":1',
          'nul',
          '"',
          '[1,2',
          '{"a":1}}',
          '{"__proto__":{"x":1}}',
          '[{"a":{"__proto__":null}}]',
        ],
        '{"\\u005f_proto__":1}',
      )
      .map((text) => ({ text, good: false })),
  },
)

test('reading ends at the first malformed envelope, and no own __proto__ comes through', () => {
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      (lines, most) => {
        const body = Buffer.from(`[${lines.map(({ text }) => text).join(',\n')}]`)
        const { envelopes, bytes, broken } = readEnvelopes(body, most)
        const firstBad = lines.findIndex(({ good }) => !good)
        const before = firstBad === -1 ? lines : lines.slice(0, firstBad)
        // Those that are parsed together with it go with it.
        const whole = firstBad === -1 ? lines.length : firstBad - (firstBad % most)
        assert.deepEqual(
          envelopes,
          before.slice(0, whole).map(({ text }) => JSON.parse(text) as unknown),
        )
        assert.deepEqual(
          bytes,
          before.slice(0, whole).map(({ text }) => Buffer.byteLength(text)),
        )
        assert.equal(broken !== undefined, firstBad !== -1)
      },
    ),
    { numRuns: 1000 },
  )
})

test('no bytes make the reader of envelopes throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        body(400),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        const { envelopes, broken } = readEnvelopes(bytes)
        assert.ok(envelopes.length > 0 || broken !== undefined)
      },
    ),
    { numRuns: 1000 },
  )
})
