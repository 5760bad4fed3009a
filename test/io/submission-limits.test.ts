import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { submissionProblem } from '../../actors/client/check-submission.js'
import type { DriverDescription } from '../../actors/messages/common.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { formatProblem } from '../../runtime/launch/config/problem.js'
import { readConfig } from '../../runtime/launch/config/read.js'
import { limits } from '../../runtime/limits.js'
import { firesteel } from '../tools/command-fixture.js'

/* `submit`, `check` and the Master know the same limits. What breaks one is refused before it is sent. */

const x = (length: number): string => 'x'.repeat(length)

const of = (parts: Partial<DriverDescription>, key = 'k') => {
  const problem = submissionProblem(key, { ...driverDescription, ...parts })
  return problem && [problem.code, problem.path.join('.'), problem.rule]
}

test('each limit of a submission, at its edge and beyond', () => {
  assert.equal(of({}), undefined)
  const invalid = (path: string, rule: string) => ['REQUEST_INVALID', path, rule]
  assert.deepEqual(of({}, ''), invalid('key', 'must have at least 1 characters'))
  assert.deepEqual(of({}, x(300)), invalid('key', 'must have at most 256 characters'))
  assert.deepEqual(of({ name: 'a\nb' }), invalid('name', 'must have no control characters'))
  assert.deepEqual(of({ name: 'a\u001b[31mred' }), invalid('name', 'must have no control characters'))
  assert.equal(of({ name: 'näme "x"' }, 'a b ü'), undefined)
  assert.equal(of({ args: [x(limits.argumentChars)] }), undefined)
  assert.deepEqual(
    of({ args: ['a', x(limits.argumentChars + 1)] }),
    invalid('args.1', `must have at most ${limits.argumentChars} characters`),
  )
  assert.deepEqual(of({ args: ['a\0b'] }), invalid('args.0', 'must have no NUL'))
  assert.equal(of({ args: Array(limits.arguments).fill('a') }), undefined)
  assert.deepEqual(
    of({ args: Array(limits.arguments + 1).fill('a') }),
    invalid('args', `must have at most ${limits.arguments} items`),
  )
  assert.deepEqual(of({ env: { A: 'a\0' } }), invalid('env.A', 'must have no NUL'))
  assert.deepEqual(of({ memoryMib: 2 ** 60 })?.slice(0, 2), ['REQUEST_INVALID', 'memoryMib'])
  const tooLarge = of({ args: Array(20).fill(x(15_000)) })
  assert.deepEqual(tooLarge?.slice(0, 2), ['RECORD_TOO_LARGE', 'args'])
})

test('a name that no message carries is refused, wherever a description has names', () => {
  const rule = 'must have another name, because no message carries __proto__'
  for (const field of ['env', 'resources', 'on'])
    assert.deepEqual(of({ [field]: JSON.parse('{"a": 1, "__proto__": 2}') }), [
      'REQUEST_INVALID',
      `${field}.__proto__`,
      rule,
    ])
})

test('check names the place in the file of what a Master would refuse', () => {
  const text = [
    'masters: [{}]',
    'workers: [{}]',
    'submissions:',
    '  - name: small',
    '    main: ./a.js',
    '  - name: large',
    '    main: ./b.js',
    `    args: [${Array(20).fill(x(15_000)).join(', ')}]`,
    '  - name: long',
    '    main: ./c.js',
    '    env:',
    `      TOKEN: ${x(limits.argumentChars + 1)}`,
  ].join('\n')
  const { problems } = readConfig(text, { file: 'c.yaml', folder: tmpdir(), environment: {} })
  assert.equal(problems.length, 2)
  const [large, long] = problems.map(formatProblem)
  assert.match(
    large ?? '',
    /^c\.yaml:8:\d+: FIRESTEEL_CONFIG_INVALID: submissions\[1\]\.args has \d+ bytes; a description may have 245760/,
  )
  assert.match(
    long ?? '',
    /^c\.yaml:12:\d+: FIRESTEEL_CONFIG_INVALID: submissions\[2\]\.env\.TOKEN must have at most 131071 characters/,
  )
})

test('submit refuses at once, with option and limit, and asks nobody: exit 2', async () => {
  const main = new URL('../tools/failover-driver.js', import.meta.url).pathname
  // No Master is there: what is refused is refused before one is looked for.
  const env = { FIRESTEEL_SECRET: x(32), FIRESTEEL_MASTER: 'firesteel://127.0.0.1:1' }
  const cases: [string[], RegExp][] = [
    [['--name', 'a\nb', main], /FIRESTEEL_REQUEST_INVALID: --name must have no control characters/],
    [['--key', x(300), main], /FIRESTEEL_REQUEST_INVALID: --key must have at most 256 characters/],
    [
      ['--env', `A=${x(60_000)}`, '--env', `B=${x(60_000)}`, main, ...Array(9).fill(x(15_000))],
      /FIRESTEEL_RECORD_TOO_LARGE: the list of arguments has \d+ bytes/,
    ],
    [
      [main, ...Array(10_001).fill('1')],
      /FIRESTEEL_REQUEST_INVALID: the list of arguments must have at most 10000 items/,
    ],
  ]
  for (const [args, error] of cases) {
    const { code, stderr } = await firesteel(['submit', '--master-timeout', '20s', ...args], {
      cwd: tmpdir(),
      env,
    })
    assert.equal(code, 2, stderr.slice(0, 300))
    assert.match(stderr, error)
  }
})
