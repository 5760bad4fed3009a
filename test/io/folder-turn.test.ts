import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { builtFile } from '../../runtime/built-file.js'
import { inTurn } from '../../runtime/process/folder-turn.js'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'firesteel-turn-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('of many writers at once one writes at a time, and nothing of their turns stays', async (t) => {
  const folder = newFolder(t)
  let writing = 0
  let turns = 0
  const write = () =>
    inTurn(folder, async () => {
      assert.equal(++writing, 1)
      for (let i = 0; i < 5; i++) await new Promise(setImmediate)
      turns++
      writing--
    })
  await Promise.all(Array.from({ length: 12 }, write))
  assert.equal(turns, 12)
  await assert.rejects(
    inTurn(folder, () => Promise.reject(new Error('no'))),
    /no/,
  )
  assert.deepEqual(readdirSync(folder), [])
})

test('a writer that was killed in its turn holds up nobody, and one that lives is named', async (t) => {
  const folder = newFolder(t)
  const url = builtFile('runtime/process/folder-turn.js').href
  const text = `const { inTurn } = await import('${url}')
    await inTurn(${JSON.stringify(folder)}, () => { console.log('mine'); return new Promise((done) => setTimeout(done, 600_000)) })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const nothing = (): Promise<string> => Promise.resolve('done')
  await assert.rejects(inTurn(folder, nothing, { waitMs: 0 }), {
    code: 'FIRESTEEL_FOLDER_IN_USE',
    message: `Process ${child.pid} is writing in ${folder}. Nothing was changed.`,
  })
  // Elsewhere no process is ever proved gone: the file that the error names is removed by hand.
  if (process.platform !== 'linux') return
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(readdirSync(folder).length, 1)
  assert.equal(await inTurn(folder, nothing, { waitMs: 0 }), 'done')
  assert.deepEqual(readdirSync(folder), [])
})

test('a writer of which nothing is known counts as one that lives', async (t) => {
  const folder = newFolder(t)
  // `bnVsbA` is null.
  for (const name of ['.writer-of-another-release', '.writer-1-bnVsbA']) {
    writeFileSync(join(folder, name), '')
    await assert.rejects(
      inTurn(folder, () => Promise.resolve(), { waitMs: 0 }),
      {
        code: 'FIRESTEEL_FOLDER_IN_USE',
        help: `Try again when it has ended. If it has ended already, remove ${join(folder, name)}.`,
      },
    )
    rmSync(join(folder, name))
  }
})
