import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { encodeFrame, FrameDecoder, type FrameKind, frameKind } from '../../runtime/transport/frame.js'

const frames = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom<FrameKind>(frameKind.envelopes, frameKind.payload),
      body: fc.uint8Array({ maxLength: 300 }),
    }),
    fc.record({
      kind: fc.constantFrom<FrameKind>(frameKind.ping, frameKind.pong),
      body: fc.constant(new Uint8Array()),
    }),
  ),
  { maxLength: 12 },
)

function openDecoder(): FrameDecoder {
  const decoder = new FrameDecoder()
  decoder.open()
  return decoder
}

/** Cuts a stream at the places given. */
function cut(stream: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b), stream.length]
  return at.slice(1).map((end, index) => stream.subarray(at[index], end))
}

test('any cutting of the stream gives the same frames', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(5000), { maxLength: 40 }), (sent, places) => {
      const stream = Buffer.concat(sent.map(({ kind, body }) => encodeFrame(kind, body)))
      const decoder = openDecoder()
      const got = cut(stream, places).flatMap((chunk) => decoder.push(chunk))
      assert.deepEqual(
        got.map(({ kind, body }) => [kind, body.toString('hex')]),
        sent.map(({ kind, body }) => [kind, Buffer.from(body).toString('hex')]),
      )
    }),
  )
})

test('a frame of many chunks comes whole, byte by byte as well', () => {
  const body = Buffer.alloc(200_000, 'abcdefg')
  for (const size of [1, 4, 5, 6, 65_536]) {
    const decoder = openDecoder()
    const stream = Buffer.concat([
      encodeFrame(frameKind.envelopes, body),
      encodeFrame(frameKind.ping, Buffer.alloc(0)),
    ])
    const got = []
    for (let at = 0; at < stream.length; at += size) got.push(...decoder.push(stream.subarray(at, at + size)))
    assert.deepEqual(
      got.map((frame) => frame.kind),
      [frameKind.envelopes, frameKind.ping],
    )
    assert.ok(got[0]?.body.equals(body))
  }
})

test('random bytes give frames or FRAME_INVALID, and never more memory than twice what came', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }),
      fc.boolean(),
      (chunks, proven) => {
        const decoder = new FrameDecoder()
        if (proven) decoder.open()
        let came = 0
        try {
          for (const chunk of chunks) {
            came += chunk.length
            decoder.push(Buffer.from(chunk))
            assert.ok(decoder.allocatedBytes <= Math.max(64 * 1024, 2 * came))
          }
        } catch (error) {
          assert.ok(isFiresteelError(error, 'FRAME_INVALID'))
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('a valid header with random length and kind never makes room for what did not come', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(7), fc.boolean(), (length, kind, proven) => {
      const header = Buffer.alloc(6)
      header.writeUInt32BE(length)
      header[4] = kind
      const decoder = new FrameDecoder()
      if (proven) decoder.open()
      try {
        decoder.push(header)
      } catch (error) {
        assert.ok(isFiresteelError(error, 'FRAME_INVALID'))
      }
      assert.ok(decoder.allocatedBytes <= (proven ? 64 * 1024 : limits.handshakeBytes))
    }),
  )
})

const announced: [string, number, FrameKind, boolean, boolean][] = [
  ['handshake at its limit', limits.handshakeBytes, frameKind.handshake, false, true],
  ['handshake over it', limits.handshakeBytes + 1, frameKind.handshake, false, false],
  ['envelopes before the proof', 1, frameKind.envelopes, false, false],
  ['handshake after the proof', 1, frameKind.handshake, true, false],
  ['envelopes at the limit', limits.nodeMessageBytes + 2, frameKind.envelopes, true, true],
  ['envelopes over it', limits.nodeMessageBytes + 3, frameKind.envelopes, true, false],
  [
    'payload over its chunk',
    limits.payloadChunkBytes + limits.payloadHeaderBytes + 1,
    frameKind.payload,
    true,
    false,
  ],
  ['a ping with a body', 1, frameKind.ping, true, false],
]
for (const [name, length, kind, proven, passes] of announced) {
  test(`${name} is ${passes ? 'let through' : 'FRAME_INVALID'}`, () => {
    const header = Buffer.alloc(5)
    header.writeUInt32BE(length)
    header[4] = kind
    const decoder = new FrameDecoder()
    if (proven) decoder.open()
    if (passes) return assert.deepEqual(decoder.push(header), [])
    assert.throws(() => decoder.push(header), { code: 'FIRESTEEL_FRAME_INVALID' })
    assert.throws(() => decoder.next(), { code: 'FIRESTEEL_FRAME_INVALID' }, 'a broken stream stays broken')
    assert.equal(decoder.allocatedBytes, 0)
  })
}
