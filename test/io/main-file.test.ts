import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { mainFile } from '../../runtime/launch/config/main-file.js'

/* What `submit` and `run` take for the program of a folder: what Node takes for it. */

let root = ''
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'firesteel-main-'))
})
after(() => rm(root, { recursive: true }))

/** The program that a folder with these files has, relative to it. */
async function mainOf(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [file, text] of Object.entries(files)) {
    const path = join(root, name, file)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
  return (await mainFile(name, root)).slice(join(root, name).length + 1)
}

test('the program of a folder: what its package.json names, with or without extension, a folder, or its index', async () => {
  const named = (main: string): string => JSON.stringify({ main })
  assert.equal(await mainOf('file', { 'package.json': named('lib/a.js'), 'lib/a.js': '' }), 'lib/a.js')
  assert.equal(await mainOf('short', { 'package.json': named('lib/a'), 'lib/a.js': '' }), 'lib/a.js')
  assert.equal(await mainOf('folder', { 'package.json': named('lib'), 'lib/index.js': '' }), 'lib/index.js')
  assert.equal(
    await mainOf('dots', { 'package.json': named('./lib/'), 'lib/index.mjs': '' }),
    'lib/index.mjs',
  )
  assert.equal(await mainOf('index', { 'index.ts': '', 'package.json': '{}' }), 'index.ts')
})

test('a folder without a program says what it names', async () => {
  await assert.rejects(mainOf('nothing', { 'package.json': '{"main": "lib"}', 'lib/other.js': '' }), {
    code: 'FIRESTEEL_MAIN_NOT_FOUND',
    message:
      'nothing is a folder whose package.json names lib, which is neither a program nor a folder with one.',
  })
  await assert.rejects(mainOf('empty', { 'package.json': '{}' }), { code: 'FIRESTEEL_MAIN_NOT_FOUND' })
})
