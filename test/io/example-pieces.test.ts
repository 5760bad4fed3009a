import assert from 'node:assert/strict'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { countBatch } from '../../examples/word-count/count-batch.js'
import { type Batch, type BatchLimits, batches } from '../../examples/word-count/pieces.js'
import { readPiece } from '../../examples/word-count/read-piece.js'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firesteel-example-'))
})
after(() => rm(folder, { recursive: true }))

async function batchesOf(files: { path: string; bytes: number }[], limits: BatchLimits): Promise<Batch[]> {
  const found: Batch[] = []
  for await (const batch of batches(files, limits)) found.push(batch)
  return found
}

/** As the README says it, in the simplest words. */
function plainCount(bytes: Buffer): Record<string, number> {
  const counts: Record<string, number> = Object.create(null)
  for (const [word] of bytes
    .toString('utf8')
    .toLowerCase()
    .matchAll(/[\p{L}\p{N}_]+/gu)) {
    counts[word] = (counts[word] ?? 0) + 1
  }
  return counts
}

test('small files share a task up to a number and a size; large ones are cut', async () => {
  const file = (path: string, bytes: number) => ({ path, bytes })
  const found = await batchesOf([file('a', 3), file('b', 3), file('c', 5), file('d', 25), file('e', 0)], {
    bytes: 10,
    files: 2,
  })
  const end = Number.POSITIVE_INFINITY
  assert.deepEqual(
    found.map(({ pieces, bytes }) => [bytes, ...pieces.map((piece) => [piece.path, piece.start, piece.end])]),
    [
      [6, ['a', 0, end], ['b', 0, end]],
      [15, ['c', 0, end], ['d', 0, 10]],
      [10, ['d', 10, 20]],
      [5, ['d', 20, end], ['e', 0, end]],
    ],
  )
  assert.deepEqual(await batchesOf([], { bytes: 10, files: 2 }), [])
})

test('property: the pieces of a file are the file, and their words are its words', async () => {
  // Final sigma, a capital that becomes two letters, letters of four bytes, halves of characters.
  const part = fc.constantFrom(
    'ΑΣ',
    'Σ',
    "'",
    '.',
    ' ',
    '\n',
    ';',
    'İ',
    'word',
    '_',
    '𐐀',
    '日本',
    '\xff',
    '\u00ad',
  )
  const path = join(folder, 'pieces')
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { maxLength: 60 }),
      fc.integer({ min: 1, max: 40 }),
      async (parts, size) => {
        const bytes = Buffer.concat(
          parts.map((text) => (text === '\xff' ? Buffer.of(0xff, 0xe2) : Buffer.from(text))),
        )
        await writeFile(path, bytes)
        const found = await batchesOf([{ path, bytes: bytes.length }], { bytes: size, files: 1 })
        const handle = await open(path)
        const read: Buffer[] = []
        for (const { pieces } of found) for (const piece of pieces) read.push(await readPiece(handle, piece))
        await handle.close()
        assert.deepEqual(Buffer.concat(read), bytes)

        const counts: Record<string, number> = Object.create(null)
        let files = 0
        for (const batch of found) {
          const result = await countBatch(batch)
          files += result.files
          for (const [word, count] of result.counts) counts[word] = (counts[word] ?? 0) + count
        }
        assert.deepEqual(counts, plainCount(bytes))
        assert.equal(files, 1)
      },
    ),
    { numRuns: 150 },
  )
})

test('one line without any separator, far longer than a piece, is one word', async () => {
  const path = join(folder, 'long')
  await writeFile(path, 'x'.repeat(1_000_000))
  const results = []
  for (const batch of await batchesOf([{ path, bytes: 1_000_000 }], { bytes: 100_000, files: 9 })) {
    results.push(await countBatch(batch))
  }
  assert.equal(
    results.reduce((sum, { bytes }) => sum + bytes, 0),
    1_000_000,
  )
  assert.equal(
    results.reduce((sum, { words }) => sum + words, 0),
    1,
  )
})

test('a file that is no text is left out in all its pieces', async () => {
  const path = join(folder, 'binary')
  await writeFile(path, Buffer.concat([Buffer.of(0), Buffer.from('some words\n'.repeat(10))]))
  for (const batch of await batchesOf([{ path, bytes: 111 }], { bytes: 50, files: 1 })) {
    const { files, skipped, words } = await countBatch(batch)
    assert.deepEqual([files, words, skipped], [0, 0, batch.pieces[0]?.start === 0 ? 1 : 0])
  }
})

test('a file that cannot be read costs only itself', async () => {
  const path = join(folder, 'there')
  await writeFile(path, 'one two')
  const piece = (name: string) => ({ path: join(folder, name), start: 0, end: Number.POSITIVE_INFINITY })
  const result = await countBatch({ pieces: [piece('gone'), piece('there')], bytes: 7 })
  assert.deepEqual([result.files, result.words, result.unreadable.length], [1, 2, 1])
  assert.match(result.unreadable[0]!, /gone: ENOENT/)
})

test('an aborted signal ends a batch between two files', async () => {
  const signal = AbortSignal.abort(new Error('no longer wanted'))
  const pieces = [{ path: join(folder, 'there'), start: 0, end: 1 }]
  await assert.rejects(countBatch({ pieces, bytes: 1 }, signal), /no longer wanted/)
})
