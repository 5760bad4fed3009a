import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/*
 * Writes files that import the tests of test/core in groups. `node --test` starts a process for each file it
 * is given, and most of these tests take less time than such a start. They may share a process, because they
 * reach nothing outside of their core.
 */

/** Two for each of two processors, so that neither is idle at the end. */
const GROUPS = 4

const core = 'dist/test/core'
const groups = 'dist/test/core-groups'

const files = readdirSync(core).filter((name) => name.endsWith('.test.js'))
if (files.length < GROUPS) throw new Error(`${core} has ${files.length} files`)
rmSync(groups, { recursive: true, force: true })
mkdirSync(groups)
for (let group = 0; group < GROUPS; group++) {
  // Neighbours are alike, also in how long they take.
  const own = files.filter((_, index) => index % GROUPS === group)
  const text = own.map((name) => `import '../core/${name}'\n`).join('')
  writeFileSync(join(groups, `group-${group + 1}.js`), text)
}
