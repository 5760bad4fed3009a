import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { mutations } from '../simulation/mutants.js'
import { threadMutations } from '../simulation/threads/mutations.js'
import { sectionOf } from '../tools/page-section.js'

const page = readFileSync('docs/testing-findings.md', 'utf8')

/** The first cells of the table under this heading. */
function namesUnder(heading: string): string[] {
  const rows = [...sectionOf(page, heading).matchAll(/^\| (.*?) \|/gm)]
  return rows.slice(2).map(([, name = '']) => name)
}

test('docs/testing-findings.md has each planted mistake, in the order in which they are tried', () => {
  const ofThreads = threadMutations.map(({ name }) => name)
  const others = mutations.map(({ name }) => name).slice(0, -ofThreads.length)
  assert.ok(others.length > 0 && ofThreads.length > 0)
  assert.deepEqual(namesUnder('## Planted mistakes'), others)
  assert.deepEqual(namesUnder('### In the threads of an executor'), ofThreads)
})
