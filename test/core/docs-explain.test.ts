import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { processDeaths, TOKEN_ENDED } from '../../actors/messages/death.js'
import { endCauses, waitCauses } from '../../actors/messages/explanation.js'

/* docs/explain.md names each cause that `firesteel explain --json` may have, and no other. */

/** The causes in the first column of the table below a heading. */
function causesBelow(heading: string): string[] {
  const [, section = ''] = readFileSync('docs/explain.md', 'utf8').split(`\n## ${heading}\n`)
  const rows = (section.split('\n## ')[0] ?? '').matchAll(/^\| ([A-Z_, ]+) \|/gm)
  return [...rows].flatMap(([, causes = '']) => causes.split(', ')).sort()
}

test('docs/explain.md has each cause for which something waits', () => {
  assert.deepEqual(causesBelow('Why it waits'), [...waitCauses].sort())
})

test('docs/explain.md has each cause of an end', () => {
  const ends = endCauses.filter((cause) => cause !== 'OWN')
  assert.deepEqual(causesBelow('How it ended'), [...ends, ...processDeaths, TOKEN_ENDED, 'UNKNOWN'].sort())
})
