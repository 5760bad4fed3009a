import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CodeFile, makeManifest, pathProblem, readManifest } from '../../runtime/code/manifest.js'
import { checkNative } from '../../runtime/code/native-modules.js'

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const file = (path: string, bytes = 1, executable = false): CodeFile => ({
  path,
  bytes,
  executable,
  hash: hashOf(path),
})

/** A manifest as somebody wrote it who keeps no rule. */
const raw = (...lines: string[]): { text: Buffer; id: string } => {
  const text = Buffer.from(['firesteel-code 1', ...lines].map((line) => `${line}\n`).join(''))
  return { text, id: hashOf(text.toString()) }
}
const line = (path: string): string => `${hashOf(path)} 1 - ${JSON.stringify(path)}`

test('a manifest is the same for the same files in any order, and is read as it was written', async () => {
  const part = fc.stringMatching(/^[a-zA-Z0-9_ äß漢.-]{1,12}$/).filter((text) => !/^\.{1,2}$/.test(text))
  const paths = fc
    .uniqueArray(fc.array(part, { minLength: 1, maxLength: 4 }), { selector: (parts) => parts.join('/') })
    .map((lists) => lists.map((parts) => parts.join('/')))
  await fc.assert(
    fc.asyncProperty(paths, fc.infiniteStream(fc.nat()), async (names, sizes) => {
      const clean = names.filter((name) => !names.some((other) => other.startsWith(`${name}/`)))
      const files = clean.map((name) => file(name, sizes.next().value, sizes.next().value % 2 === 0))
      const made = await makeManifest(files, undefined)
      const again = await makeManifest([...files].reverse(), undefined)
      assert.equal(again.id, made.id)
      const read = await readManifest(made.text, made.id)
      assert.deepEqual(read.files, made.files)
      assert.equal(
        read.bytes,
        files.reduce((sum, { bytes }) => sum + bytes, 0),
      )
    }),
    { numRuns: 60 },
  )
})

test('no path that is read leads out of its folder, hides in a terminal or names a file twice', async () => {
  const bad = [
    '',
    '/etc/passwd',
    '../x',
    'a/../../x',
    'a//b',
    './a',
    'a/',
    'a\\b',
    'a\nb',
    'a\u001b[2J',
    'a\0b',
  ]
  for (const path of [...bad, `a/${'x'.repeat(256)}`, 'y/'.repeat(600)]) {
    assert.notEqual(pathProblem(path), undefined, JSON.stringify(path))
    const { text, id } = raw(line(path))
    await assert.rejects(readManifest(text, id), { code: 'FIRESTEEL_CODE_INVALID' }, JSON.stringify(path))
  }
  for (const lines of [
    [line('a'), line('a')],
    [line('b'), line('a')],
    [line('a'), line('a/b')],
    [line('a/b'), line('a/b/c')],
  ]) {
    const { text, id } = raw(...lines)
    await assert.rejects(readManifest(text, id), { code: 'FIRESTEEL_CODE_INVALID' }, lines.join())
  }
})

test('any change of a manifest is refused, and so is anything that is none', async () => {
  const { text, id } = await makeManifest([file('a'), file('b/c', 5, true)], undefined)
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const broken = Buffer.from(text)
      broken[at] = (broken[at] as number) ^ change
      await assert.rejects(readManifest(broken, id), { code: 'FIRESTEEL_CODE_INVALID' })
      await assert.rejects(readManifest(text.subarray(0, at), id), { code: 'FIRESTEEL_CODE_INVALID' })
    }),
    { numRuns: 100 },
  )
  for (const other of [
    raw('x'),
    raw(`${hashOf('a')} 01 - "a"`),
    raw(`${hashOf('a')} 1 - "\\u0061"`),
    raw(`${hashOf('a')} 99999999999999999 - "a"`),
  ]) {
    await assert.rejects(readManifest(other.text, other.id), { code: 'FIRESTEEL_CODE_INVALID' })
  }
})

test('native modules of another platform or Node.js are refused by name', async () => {
  const files = [
    file('node_modules/a/build/a.node'),
    file('node_modules/b/prebuilds/x/b.node'),
    file('main.js'),
  ]
  const own = { platform: 'linux-x64', nodeMajor: 20 }
  const manifest = await makeManifest(files, own)
  checkNative(manifest, 'w1', own)
  for (const other of [
    { platform: 'linux-arm64', nodeMajor: 20 },
    { platform: 'linux-x64', nodeMajor: 22 },
  ]) {
    assert.throws(
      () => checkNative(manifest, 'w1', other),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'FIRESTEEL_CODE_NATIVE')
        assert.match(error.message, /w1 is .*: node_modules\/a\/build\/a\.node$/)
        return true
      },
    )
  }
  checkNative(await makeManifest([file('main.js')], undefined), 'w1', own)
})
