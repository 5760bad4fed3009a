import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DirectCommands, isProgram, wordOf } from '../../runtime/process/direct-commands.js'

const word = (command: string): string | undefined => wordOf(Buffer.from(command, 'latin1'))

test('a command of words that every shell reads as themselves has a first word', () => {
  for (const [command, first] of [
    ['true', 'true'],
    ['  gzip -9  a.txt ', 'gzip'],
    ['./run.sh x=1 a+b,c:d@e%f', './run.sh'],
    ["convert 'a b.png' 'it'\\''s $$ `x` \n caf\xe9'", 'convert'],
    ['/usr/bin/env A=b printenv', '/usr/bin/env'],
  ]) {
    assert.equal(word(command!), first, command)
  }
})

test('whatever a shell would read as more than a word needs a shell of its own', () => {
  const special = [
    '$$',
    '`x`',
    '*',
    '?',
    '[a]',
    '{a,b}',
    '~',
    '#',
    '"x"',
    '\\x',
    '!',
    '<a',
    '>a',
    '|x',
    '&',
    ';x',
    '(',
  ]
  for (const part of special) assert.equal(word(`ls ${part}`), undefined, part)
  const others = [
    '',
    ' ',
    "'ls' a",
    'A=b ls',
    'ls\nls',
    'ls\tx',
    "ls 'open",
    'ls caf\xe9',
    'if true',
    'time ls',
  ]
  for (const command of others) assert.equal(word(command), undefined, JSON.stringify(command))
})

test('only the path of a program is one: neither a builtin nor an alias nor a function', () => {
  assert.deepEqual(['/usr/bin/gzip', './run.sh'].map(isProgram), [true, true])
  assert.deepEqual(['eval', '', "alias ls='ls --color /x'", 'gzip: not found'].map(isProgram), [
    false,
    false,
    false,
    false,
  ])
})

test('a shell is asked when a word comes again, and once', () => {
  const commands = new DirectCommands()
  assert.equal(commands.look('echo'), 'direct')
  for (const [first, answer, then] of [
    ['gzip', '/usr/bin/gzip', 'direct'],
    ['trap', 'trap', 'shell'],
    ['missing', '', 'shell'],
  ] as const) {
    assert.deepEqual([commands.look(first), commands.look(first)], ['shell', 'ask'])
    commands.answered(first, answer)
    assert.deepEqual([commands.look(first), commands.look(first)], [then, then])
  }
})

test('words are not kept without end', () => {
  const commands = new DirectCommands()
  for (let index = 0; index < 1000; index++) commands.look(`w${index}`)
  assert.deepEqual([commands.look('w0'), commands.look('w999')], ['ask', 'shell'])
})
