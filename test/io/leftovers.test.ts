import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { removeLeftovers } from '../setup/leftovers.js'

test('what the compiler wrote for a source that has moved goes from the build, and nothing else', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'firesteel-leftovers-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const kept = ['actors/deep/here.d.ts', 'actors/deep/here.js', 'actors/deep/here.js.map']
  const others = ['actors/deep/nact.cjs', 'actors/page.css', 'programs/moved.js']
  const left = ['actors/deep/moved.d.ts', 'actors/deep/moved.js', 'actors/deep/moved.js.map']
  const written = [...kept, ...others, ...left].map((file) => `build/${file}`)
  for (const file of ['actors/deep/here.ts', 'actors/moved.ts', ...written]) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), '')
  }

  assert.deepEqual(removeLeftovers(root, join(root, 'build'), ['actors']).sort(), left)

  const files = readdirSync(join(root, 'build'), { recursive: true, encoding: 'utf8' })
  assert.deepEqual(files.filter((file) => /\.\w+$/.test(file)).sort(), [...kept, ...others].sort())
})
