import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { type CodeFile, makeManifest, pathProblem, readManifest } from '../../runtime/code/manifest.js'
import { checkNative } from '../../runtime/code/native-modules.js'
import { innerLimits } from '../../runtime/inner-limits.js'

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

test('a line is refused by its length before anything of it is read', async () => {
  const most = 3159
  const { text, id } = raw(line('a'), `${hashOf('b')} 1 - "${'b'.repeat(16 * 2 ** 20 - 200)}"`)
  // Nothing looks into the text but through parts of it.
  const parts: number[] = []
  const never = (): never => assert.fail('the whole text is looked at')
  Object.defineProperties(text, {
    toString: { value: never },
    indexOf: { value: never },
    subarray: {
      value(from: number, to: number) {
        const part = Buffer.prototype.subarray.call(text, from, to)
        parts.push(part.length)
        return part
      },
    },
  })
  await assert.rejects(readManifest(text, id), {
    code: 'FIRESTEEL_CODE_INVALID',
    message: `A manifest of code is not acceptable: line 3 has over ${most} bytes.`,
  })
  assert.deepEqual(parts, [most, most, most])
  const longest = '\u6f22'.repeat(1024).replace(/.{80}/g, (part) => `${part.slice(1)}/`)
  const made = await makeManifest([file(longest.slice(0, -1))], undefined)
  assert.deepEqual((await readManifest(made.text, made.id)).files, made.files)
})

test('folders of a code are counted, and those that a path shares with the one before count once', async () => {
  const deep = '/a'.repeat(499)
  const files = Array.from({ length: 40 }, (_, n) => file(`${n + 100}${deep}/f`))
  const made = await makeManifest(files, undefined)
  assert.deepEqual((await readManifest(made.text, made.id)).files, made.files)
  const shared = Array.from({ length: 100 }, (_, n) => file(`100${deep}/f${n}`))
  await makeManifest(shared, undefined)
  const { text, id } = raw(...files.map(({ path }) => line(path)), line('200/f'))
  await assert.rejects(readManifest(text, id), {
    code: 'FIRESTEEL_CODE_INVALID',
    message: 'A manifest of code is not acceptable: it names over 20000 folders.',
  })
})

test('a file is no folder of a later one, whatever comes between them', async () => {
  for (const paths of [
    ['a', 'a!', 'a!b', 'a-', 'a/b'],
    ['x/a', 'x/a b/c', 'x/a/b/c/d'],
    ['a', 'a!/b', 'a/b'],
  ]) {
    const { text, id } = raw(...paths.map(line))
    await assert.rejects(readManifest(text, id), { code: 'FIRESTEEL_CODE_INVALID' }, paths.join())
  }
  const fine = raw(...['a', 'a!/b', 'a-/b', 'ab/c', 'b/a', 'b/a!/c'].map(line))
  assert.equal((await readManifest(fine.text, fine.id)).files.length, 6)
})

test('many manifests are read side by side, and only one of them in each turn', async () => {
  const files = Array.from({ length: 1200 }, (_, n) => file(`f${String(n).padStart(5, '0')}`))
  const { text, id } = await makeManifest(files, undefined)
  // Each slice of reading begins with a line that is looked for.
  let begun = 0
  let most = 0
  const counted = (): Buffer => {
    const own = Buffer.from(text)
    let lines = 0
    Object.defineProperty(own, 'subarray', {
      value(from: number, to: number) {
        if (lines++ % innerLimits.codeLines === 0) begun++
        return Buffer.prototype.subarray.call(text, from, to)
      },
    })
    return own
  }
  let left = 20
  const reads = Array.from({ length: left }, async () => {
    await readManifest(counted(), id)
    left--
  })
  while (left > 0) {
    await nextTurn()
    most = Math.max(most, begun)
    begun = 0
  }
  await Promise.all(reads)
  assert.equal(most, 1)
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
