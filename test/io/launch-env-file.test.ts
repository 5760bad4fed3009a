import assert from 'node:assert/strict'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { startChild } from '../../runtime/process/child.js'
import { mainCommand } from '../../runtime/process/node-command.js'
import { runCommand } from '../harness/run-command.js'
import { bin, errorOf } from '../tools/command-fixture.js'

/* Node reads `--env-file` wherever it stands, and ends if there is no such file. */

const PATH = `${dirname(process.execPath)}:${process.env.PATH}`

async function place(files: Readonly<Record<string, string>>): Promise<string> {
  const cwd = await mkdtemp(join(tmpdir(), 'firesteel-env-file-'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, name), text)
  return cwd
}

test('the command as npm installs it keeps --env-file for itself', async () => {
  const cwd = await place({
    'job.mjs': '',
    'job.env': "NODE_OPTIONS=--require /only/on/the/driver's/machine.js\n",
  })
  try {
    const command = join(cwd, 'firesteel')
    await symlink(bin, command)
    const call = (...args: string[]) => runCommand({ command, args, cwd, env: { PATH } })
    for (const words of [['submit'], ['run'], ['submit', '--key', 'k']]) {
      const missing = await call(...words, '--json', '--env-file', 'nope.env', 'job.mjs')
      assert.equal(errorOf(missing).code, 'FIRESTEEL_PATH_NOT_FOUND', missing.stderr)
      assert.equal(missing.code, 2)
      const given = await call(...words, '--json', '--env-file', 'job.env', 'job.mjs')
      assert.equal(errorOf(given).code, 'FIRESTEEL_SECRET_MISSING', given.stderr)
    }
    const odd = await call('explain', "a b'c", '--env-file', '$(nope)')
    assert.match(odd.stderr, /^FIRESTEEL_USAGE: Unknown option '--env-file'/)
  } finally {
    await rm(cwd, { recursive: true })
  }
})

test('a program keeps an --env-file of its own', async () => {
  const cwd = await place({ 'main.mjs': "process.stdout.write(process.argv.slice(2).join(' '))" })
  try {
    const line = mainCommand({ main: join(cwd, 'main.mjs'), args: ['--env-file', 'nope.env'] })
    const child = await startChild({
      ...line,
      cwd,
      env: {},
      stdout: 'pipe',
      stderr: 'inherit',
      ownGroup: true,
    })
    let printed = ''
    child.stdout?.on('data', (bytes: Buffer) => {
      printed += bytes
    })
    await child.closed
    assert.deepEqual([printed, (await child.exited).code], ['--env-file nope.env', 0])
  } finally {
    await rm(cwd, { recursive: true })
  }
})
