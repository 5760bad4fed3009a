import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCommand } from '../harness/run-command.js'

/** With so little memory for what is new, garbage is collected at every place of the program. */
const SMALL = '--max-semi-space-size=1'
const KEYS = 10_000

test('a collection of garbage while a client makes its key, or proves it, holds nobody up', async () => {
  const program = fileURLToPath(new URL('../tools/incarnation-keys-program.js', import.meta.url))
  const { stdout, stderr } = await runCommand({
    command: process.execPath,
    args: [SMALL, program, String(KEYS)],
    cwd: '/',
    env: { PATH: process.env.PATH ?? '' },
  })
  assert.equal(stdout, 'done\n', stderr)
})
