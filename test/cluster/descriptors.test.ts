import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { childEnvironment } from '../../runtime/process/environment.js'
import { runCommand } from '../harness/run-command.js'
import { folder } from './command-fixture.js'

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
