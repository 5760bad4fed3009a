import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCommand } from '../harness/run-command.js'
import { namesOption, wholeOption } from '../tools/command-line.js'

const run = (program: string, ...args: string[]) =>
  runCommand({
    command: process.execPath,
    args: [fileURLToPath(new URL(`../${program}/main.js`, import.meta.url)), ...args],
    cwd: process.cwd(),
    env: { PATH: process.env.PATH ?? '' },
  })

const commands = { simulation: 'sim', soak: 'soak', fuzz: 'fuzz', failover: 'failover' } as const

test('--help says how it is called, an unknown option as well, with exit 2', async () => {
  for (const [program, command] of Object.entries(commands)) {
    const [help, wrong] = await Promise.all([run(program, '--help'), run(program, '--rain')])
    assert.equal(help.code, 0, program)
    assert.equal(help.stderr, '', program)
    assert.ok(help.stdout.startsWith(`npm run ${command} [-- OPTIONS]\n  --`), program)
    assert.equal(wrong.code, 2, program)
    assert.match(wrong.stderr, /--rain/)
    assert.ok(wrong.stderr.endsWith(help.stdout), program)
  }
})

test('whole numbers and names', () => {
  assert.equal(wholeOption('seed', undefined, 0), undefined)
  assert.equal(wholeOption('seed', '0', 0), 0)
  assert.equal(wholeOption('events', '1e8', 1), 1e8)
  for (const text of ['', ' 1', '-1', '1.5', '0x10', '1e99', '9007199254740993', 'many'])
    assert.throws(
      () => wholeOption('seed', text, 0),
      new Error(`--seed is ${text}; it must be a whole number from 0`),
    )
  assert.throws(() => wholeOption('rounds', '0', 1), /--rounds is 0; it must be a whole number from 1/)

  const known = ['a', 'b', 'c'] as const
  assert.equal(namesOption('only', undefined, known), undefined)
  assert.deepEqual(namesOption('only', 'c,a,c', known), ['a', 'c'])
  assert.throws(() => namesOption('only', 'a,d', known), /^Error: --only has d; it takes a, b, c$/)
  assert.throws(() => namesOption('only', ',', known, ['a']), /^Error: --only has nothing; it takes a$/)
})
