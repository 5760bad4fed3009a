import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const page = readFileSync('docs/architecture.md', 'utf8')
const section = page.split("\n## A stranger's walk\n")[1]?.split('\n## ')[0] ?? ''
const walks = [...section.matchAll(/^### (.+): (\d+) files\n([^#]*)/gm)]

test('a walk names files that exist, each once, and as many as it says', () => {
  assert.equal(walks.length, 2)
  for (const [, title, count, text = ''] of walks) {
    const files = [...text.matchAll(/`([^`]+\.ts)`/g)].map(([, file]) => file!)
    assert.deepEqual(
      files.filter((file) => !existsSync(file)),
      [],
      title,
    )
    assert.equal(new Set(files).size, files.length, title)
    assert.equal(files.length, Number(count), title)
  }
})
