import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCommand } from '../harness/run-command.js'

const program = fileURLToPath(new URL('../../runtime/launch/cli/bin.js', import.meta.url))

test('output that found no room on its disk is an error', { skip: !existsSync('/dev/full') }, async () => {
  const { code, stderr } = await runCommand({
    command: '/bin/sh',
    args: ['-c', `'${process.execPath}' '${program}' explain NO_MASTER > /dev/full`],
    cwd: process.cwd(),
    env: { PATH: process.env.PATH ?? '' },
  })
  assert.equal(code, 1)
  assert.match(stderr, /^FIRESTEEL_DISK_FULL: standard output: the disk is full/)
})
