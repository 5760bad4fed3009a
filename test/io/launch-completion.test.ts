import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createProgram } from '../../runtime/launch/cli/cli.js'
import { completionScript } from '../../runtime/launch/cli/completion/script.js'
import { runCommand } from '../harness/run-command.js'

const program = await createProgram([], async () => undefined, { out: () => undefined, err: () => undefined })
const scripts = {
  bash: completionScript('bash', program),
  zsh: completionScript('zsh', program),
  fish: completionScript('fish', program),
}

let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firesteel-completion-'))
  for (const [shell, script] of Object.entries(scripts)) await writeFile(join(folder, shell), script)
})

after(() => rm(folder, { recursive: true, force: true }))

/** What bash offers for a command line; its last word is the one under the cursor. */
async function offered(...line: string[]): Promise<string[]> {
  const script = `source ./bash
COMP_WORDS=(firesteel "$@"); COMP_CWORD=$#
_firesteel
printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr, code } = await runCommand({
    command: 'bash',
    args: ['--norc', '-c', script, 'bash', ...line],
    cwd: folder,
    env: { PATH: process.env.PATH ?? '' },
  })
  assert.equal(code, 0, stderr)
  return stdout.split('\n').filter((word) => word !== '')
}

test('bash completes commands, options of the command, and values', async () => {
  assert.deepEqual(await offered('st'), ['status'])
  assert.deepEqual(await offered('su'), ['submit'])
  assert.ok((await offered('')).length > program.commands.length)
  assert.deepEqual(await offered('up', '--det'), ['--detach'])
  assert.deepEqual(await offered('up', '--log-level', ''), ['error', 'warn', 'info', 'debug'])
  assert.deepEqual(await offered('master', '--recovery', 'R'), ['REDIS'])
  assert.deepEqual(await offered('completion', ''), ['bash', 'zsh', 'fish'])
  assert.deepEqual(await offered('logs', '--f'), ['--follow'])
})

test('bash offers no option of ours after MAIN', async () => {
  assert.deepEqual(await offered('submit', '--superv'), ['--supervise'])
  assert.deepEqual(await offered('submit', '--name', 'x', '--superv'), ['--supervise'])
  assert.deepEqual(await offered('submit', '--env', 'K', '=', 'V', '--superv'), ['--supervise'])
  assert.deepEqual(await offered('submit', 'server.js', '--superv'), [])
  assert.deepEqual(await offered('run', '--env', 'A', 'main.js', '--'), [])
})

test('every command and option is in all scripts, and none that is hidden', () => {
  for (const command of program.commands) {
    for (const script of Object.values(scripts)) assert.ok(script.includes(command.name()), command.name())
    for (const { long, hidden } of command.options) {
      if (!long) continue
      const isIn = Object.entries(scripts).map(([shell, script]) =>
        shell === 'fish'
          ? script.includes(`-l ${long.slice(2)} `)
          : // A description may name it, in brackets.
            new RegExp(`${long}(?![\\w)-])`).test(script),
      )
      assert.deepEqual(isIn, hidden ? [false, false, false] : [true, true, true], `${command.name()} ${long}`)
    }
  }
})

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  test(`${shell} can read its script`, async (t) => {
    try {
      const { code, stderr } = await runCommand({
        command: shell,
        args: ['-n', shell],
        cwd: folder,
        env: { PATH: process.env.PATH ?? '' },
      })
      assert.equal(code, 0, stderr)
    } catch (error) {
      if ((error as { code?: string }).code !== 'FIRESTEEL_SPAWN_FAILED') throw error
      t.skip(`${shell} is not installed here`)
    }
  })
}
