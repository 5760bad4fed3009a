import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { isPiece, readFrame, writeMessage, writePiece } from '../../runtime/code/code-messages.js'

/* The frames of a code link: what we write is read, and whatever a peer sends costs nothing but its link. */

const read = (parts: readonly Uint8Array[]) => readFrame(Buffer.concat(parts))

test('a message and a piece are read as they were written', () => {
  const message = { type: 'get', places: [0, 7, 4000] } as const
  assert.deepEqual(read(writeMessage({ ...message, places: [...message.places] })), message)
  fc.assert(
    fc.property(
      fc.constantFrom('manifest' as const, 'piece' as const, 'last' as const),
      fc.nat(),
      fc.uint8Array({ maxLength: 300 }),
      (kind, place, content) => {
        const piece = read(writePiece({ kind, place, bytes: Buffer.from(content) }))
        assert.ok(isPiece(piece))
        assert.deepEqual([piece.kind, piece.place, [...piece.bytes]], [kind, place, [...content]])
      },
    ),
  )
})

test('property: any other bytes are a piece, a message, or FRAME_INVALID', () => {
  const tries = (frame: Buffer): void => {
    try {
      readFrame(frame)
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'FIRESTEEL_FRAME_INVALID')
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => tries(Buffer.from(bytes))))
  fc.assert(
    fc.property(fc.json(), (json) => tries(Buffer.concat([Buffer.of(1), Buffer.from(json)]))),
    { numRuns: 300 },
  )
})

test('what asks for too much, or names what is none, is refused', () => {
  const refused = (value: unknown): void =>
    assert.throws(() => read([Buffer.of(1), Buffer.from(JSON.stringify(value))]), {
      code: 'FIRESTEEL_FRAME_INVALID',
    })
  refused({ type: 'get', places: Array.from({ length: 257 }, (_, n) => n) })
  refused({ type: 'get', places: [-1] })
  refused({ type: 'want', id: '../../etc' })
  refused({ type: 'manifest', id: 'a'.repeat(64), bytes: 2 ** 40, holders: [] })
  refused({ type: 'taken', bytes: 0 })
  refused({ type: 'unknown' })
})
