import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { numericConstantsOf, unusedExportsOf, unusedLimitsOf } from './source-rules.js'

const sources = new Map(
  ['actors', 'runtime', 'test', 'examples'].flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative('.', join(entry.parentPath, entry.name)))
      .map((path) => [path, readFileSync(path, 'utf8')] as const),
  ),
)

/**
 * Numbers that are no limits, as `FILE NAME`, by the reason for which they stand beside the code that reads
 * them.
 */
const permitted: Readonly<Record<string, readonly string[]>> = {
  'descriptors, exit codes and tickets have a meaning, not a size': [
    'boot.ts bootDescriptor',
    'tenure.ts TENURE_TICKET',
    'task-console.ts STDERR',
    'task-console.ts STDOUT',
    'console.ts INTERRUPTED_EXIT',
    'console.ts READER_GONE_EXIT',
    'joblog.ts NEVER',
    'joblog.ts SECONDS_WIDTH',
    'results.ts NAME_BYTES',
    'inherited-pipe.ts BOOT_DESCRIPTOR',
  ],
  'places and sizes in a binary format of ours': [
    'shared-ring.ts HEADER_WORDS',
    'shared-ring.ts LARGE_FLAG',
    'shared-ring.ts NOTIFIED',
    'shared-ring.ts REACHED',
    'shared-ring.ts READ',
    'shared-ring.ts RECORD_BYTES',
    'shared-ring.ts SKIP',
    'shared-ring.ts SLOTS',
    'shared-ring.ts TIME_BYTES',
    'shared-ring.ts WRITE',
    'thread-messages.ts TASK_BYTES',
    'tasks.ts BATCH_HEADER_BYTES',
    'tasks.ts FUNCTION_BYTES',
    'tasks.ts KEY_BYTES',
    'block.ts headerBytes',
    'output-segments.ts OFFSET_DIGITS',
    'line-file.ts LINE_BREAK',
    'log-search.ts LINE_BREAK',
    'log-text.ts TAB',
    'log-window.ts LINE_BREAK',
    'tail-place.ts LINE_BREAK',
    'former-worker.ts HAND_OVER_VERSION',
    'frame.ts BRACKETS_BYTES',
    'frame.ts FRAME_HEADER_BYTES',
    'guard-lines.ts guardVersion',
    'handshake-message.ts NODE_MAJOR_MAX',
    'handshake-message.ts NONCE_BYTES',
    'handshake-message.ts PROOF_BYTES',
    'handshake-message.ts KEY_CHARS',
    'handshake-message.ts SIGNATURE_CHARS',
    'incarnation-key.ts FINGERPRINT_CHARS',
    'incarnation-key.ts KEY_BYTES',
    'channel.ts BINDING_BYTES',
    'channel.ts TLS_FIRST_BYTE',
    'der.ts LENGTH_BYTES',
    'der.ts LONG_FORM',
    'sealed.ts NONCE_BYTES',
    'sealed.ts TAG_BYTES',
    'token.ts RANDOM_BYTES',
    'identity.ts INCARNATION_BYTES',
    'code-messages.ts HEADER_BYTES',
  ],
  'versions of formats, protocols and servers': [
    'plain-bytes.ts VERSION',
    'segment-line.ts SUM_DIGITS',
    'segment-writer.ts LINE_REST',
    'store-format.ts FORMAT_MAX',
    'store-format.ts FORMAT_MIN',
    'server-check.ts minimumMajor',
    'protocol-range.ts PROTOCOL_MAX',
    'protocol-range.ts PROTOCOL_MIN',
    'protocol-range.ts VERSION_MAX',
  ],
  'characters, and facts of JSON, UTF-8, V8, Node, file systems and ports': [
    'plain-bytes.ts HEADER',
    'manifest.ts NEWLINE',
    'addresses.ts MASTER_PORT_DEFAULT',
    'heap.ts MIB',
    'node-command.ts DEFAULT_SEMI_SPACE_MIB',
    'token.ts DAY_MS',
    'token.ts SECOND_MS',
    'token.ts RADIX',

    'shell-text.ts QUOTE',
    'exit-status.ts SIGNAL_BASE',
    'machine.ts MIB',
    'markdown.ts LINE_LENGTH',
    'data-past-holes.ts BLOCK_BYTES',
    'tagged-lines.ts LINE_END',
    'target.ts portDefault',
    'target.ts sentinelPortDefault',
    'relay.ts idSpace',
    'timers.ts longestMs',
    'envelope-batch.ts CLOSING',
    'envelope-batch.ts COMMA',
    'envelope-batch.ts NEWLINE',
    'envelope-batch.ts OPENING',
    'envelope-batch.ts UTF8_BYTES_MAX',
    'envelope-reader.ts CLOSING',
    'envelope-reader.ts COMMA',
    'envelope-reader.ts NEWLINE',
    'envelope-reader.ts OPENING',
    'message-bounds.ts BACKSLASH',
    'message-bounds.ts CLOSING_BRACE',
    'message-bounds.ts CLOSING_BRACKET',
    'message-bounds.ts COMMA',
    'message-bounds.ts OPENING_BRACE',
    'message-bounds.ts OPENING_BRACKET',
    'message-bounds.ts QUOTE',
    'units.ts DURATION_MS_MAX',
    'read-segment.ts NEWLINE',
    'record-seal.ts SEAL_CHARS',
    'units.ts MIB_BYTES',
  ],
}

const limitFiles: ReadonlySet<string> = new Set(['runtime/limits.ts', 'runtime/inner-limits.ts'])

test('a number that is a limit stands in limits.ts or inner-limits.ts', () => {
  const found = [...sources]
    .filter(([path]) => /^(actors|runtime)\//.test(path) && !limitFiles.has(path))
    .flatMap(([path, text]) => [...numericConstantsOf(path, text)])
  assert.deepEqual(found.toSorted(), Object.values(permitted).flat().toSorted())
})

test('every limit is used', () => {
  assert.deepEqual(unusedLimitsOf(Object.keys(limits), 'limits.ts', sources), [])
  assert.deepEqual(unusedLimitsOf(Object.keys(innerLimits), 'inner-limits.ts', sources), [])
})

test('every limit has its reason', () => {
  const text = sources.get('runtime/inner-limits.ts')!
  const bare = [...text.matchAll(/^(.*)\n {2}(\w+):/gm)].filter(([, before]) => !before!.endsWith('*/'))
  assert.deepEqual(
    bare.map(([, , name]) => name),
    [],
  )
})

test('nothing is exported for tests alone', () => {
  assert.deepEqual([...unusedExportsOf(sources)], [])
})

const numbers: readonly (readonly [line: string, isFound: boolean])[] = [
  ['const LOOK_MS = 20', true],
  ['export const CHUNK_BYTES = 64 * 1024', true],
  ['const SHARE = 0.75', true],
  ['const KEPT = 10_000', true],
  ['const FLAG = 0xff', true],
  ['const tries: number = 5', true],
  ['const RESTART = { firstMs: 10, maxMs: 1000 }', true],
  ['const LOOK_MS = innerLimits.lookMs', false],
  ["const name = 'w1'", false],
  ['const half = whole / 2', false],
  ['  const inner = 5', false],
]
for (const [line, isFound] of numbers)
  test(`${isFound ? 'is' : 'is no'} number of its own: ${line.trim()}`, () => {
    assert.equal([...numericConstantsOf('a.ts', `${line}\n`)].length, isFound ? 1 : 0)
  })

test('an export and a limit that only a test names are found', () => {
  const text =
    'export const used = 1\nexport function spare() {}\nexport type Kept = 1\nconst kept: Kept = 1\n'
  const code = new Map([
    ['runtime/a.ts', text],
    [
      'runtime/b.ts',
      "import { used } from './a.js'\nimport { limits } from './limits.js'\nuse(limits.lookMs)",
    ],
    [
      'test/unit/a.test.ts',
      "import { spare } from '../../runtime/a.js'\nimport { limits } from '../limits.js'\nlimits.spareMs",
    ],
  ])
  assert.deepEqual([...unusedExportsOf(code)], ['runtime/a.ts spare'])
  assert.deepEqual(unusedLimitsOf(['lookMs', 'spareMs'], 'limits.ts', code), ['spareMs'])
})
