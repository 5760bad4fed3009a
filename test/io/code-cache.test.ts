import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { cacheName, importByLoader, wrapping, writeCodeCache, writeLoader } from '../setup/code-cache.js'

/* What V8 has made of a program is kept beside it. It must never be run in place of other code. */

const programs = fileURLToPath(new URL('../../programs', import.meta.url))

function program(t: TestContext, word: string): { folder: string; run(): string } {
  const folder = mkdtempSync(join(tmpdir(), 'firesteel-cache-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'late.js'), `export const late = 'later'\n`)
  writeCode(folder, word)
  importByLoader(folder, 'one')
  writeLoader(folder, 'one', ['word', 'late'])
  writeFileSync(
    join(folder, 'run.mjs'),
    `import { word, late } from './one.js'\nconsole.log(word(), await late())\n`,
  )
  writeCodeCache(folder, 'one', [])
  const run = (): string => {
    const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'run.mjs')], { encoding: 'utf8' })
    return stdout.trim() || stderr
  }
  return { folder, run }
}

function writeCode(folder: string, word: string): void {
  const { banner, footer } = wrapping
  const late = `async () => (await import("./late.js")).late`
  const code = `module.exports = { word: () => '${word}', late: ${late} }`
  writeFileSync(join(folder, 'one.cjs'), `${banner.js}\n${code}\n${footer.js}\n`)
}

test('a program runs with what V8 has kept of it, and imports the files beside it', (t) => {
  const { folder, run } = program(t, 'first')
  assert.ok(statSync(join(folder, cacheName('one'))).size > 32)
  assert.equal(run(), 'first later')
})

test('other code of the same length is not run as what it was before', (t) => {
  const { folder, run } = program(t, 'first')
  writeCode(folder, 'other')
  importByLoader(folder, 'one')
  assert.equal(run(), 'other later')
})

test('a program runs without what was kept, and where that is damaged or cut short', (t) => {
  const { folder, run } = program(t, 'first')
  const cache = join(folder, cacheName('one'))
  const kept = readFileSync(cache)
  for (const at of [0, 40, kept.length - 1]) {
    const damaged = Buffer.from(kept)
    damaged[at] = (damaged[at] as number) ^ 0xff
    writeFileSync(cache, damaged)
    assert.equal(run(), 'first later')
  }
  writeFileSync(cache, kept.subarray(0, 50))
  assert.equal(run(), 'first later')
  rmSync(cache)
  assert.equal(run(), 'first later')
})

const skip = !existsSync(join(programs, cacheName('master'))) && 'the build had no esbuild, or another Node'

for (const name of ['master', 'worker', 'guard', 'cli'])
  test(`V8 takes what the build has kept of ${name}`, { skip }, () => {
    const code = readFileSync(join(programs, `${name}.cjs`), 'latin1')
    const cachedData = readFileSync(join(programs, cacheName(name))).subarray(32)
    assert.equal(new Script(code, { cachedData }).cachedDataRejected, false)
  })
