import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { childEnvironment } from '../../runtime/process/environment.js'
import { runCommand } from '../harness/run-command.js'
import { bin, folder } from '../tools/command-fixture.js'

const program = fileURLToPath(new URL('./descriptors-program.js', import.meta.url))

test('a Worker without file descriptors: starts wait, the living are not taken for dead', async (t) => {
  const outcome = await runCommand({
    command: '/bin/sh',
    args: ['-c', 'ulimit -n 64; exec "$0" "$1"', process.execPath, program],
    cwd: await folder(t),
    env: childEnvironment(),
  })
  assert.deepEqual([outcome.code, outcome.stderr], [0, ''])
})

const workers = (count: number): string =>
  Array.from({ length: count }, (_, n) => `  - {name: w${n}, port: 0, cores: 1, memory: 64m}`).join('\n')

test('nodes that do not fit into the limit of open files are refused at once, with what is needed', async (t) => {
  const cwd = await folder(t, {
    'c.yaml': `cluster: many\nrecovery: {mode: NONE}\nmasters: [{name: m1, port: 0, web: 0}]\nworkers:\n${workers(120)}\n`,
  })
  // Node raises its soft limit to the hard one, so only the hard one counts.
  const refused = await runCommand({
    command: '/bin/sh',
    args: ['-c', 'ulimit -n 256; exec "$0" "$1" up c.yaml', process.execPath, bin],
    cwd,
    env: childEnvironment(),
  })
  assert.equal(refused.code, 2, refused.stderr)
  assert.match(refused.stderr, /FIRESTEEL_DESCRIPTORS_TOO_FEW/)
  assert.match(refused.stderr, /may open 256 files .*links to 120 other nodes it needs 320/)
})
