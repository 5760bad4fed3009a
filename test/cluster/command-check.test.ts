import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { errorOf, firesteel, folder } from '../tools/command-fixture.js'

test('check of every example file', async (t) => {
  const cwd = await folder(t)
  const env = { FIRESTEEL_SECRET: '0123456789abcdef0123456789abcdef' }
  for (const name of readdirSync('config').filter((file) => file.endsWith('.yaml'))) {
    const { code, stderr } = await firesteel(['check', resolve('config', name)], { cwd, env })
    assert.equal(code, 0, stderr)
  }
})

test('check lists every error with its place and exits 2', async (t) => {
  const cwd = await folder(t, { 'c.yaml': 'masters: [{nam: a}, {port: x}]\n' })
  const { code, stderr, stdout } = await firesteel(['check', 'c.yaml'], { cwd })
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.match(
    stderr,
    /^c\.yaml:1:12: FIRESTEEL_CONFIG_UNKNOWN_KEY: masters\[0\]\.nam is not a key; did you mean name\?$/m,
  )
  assert.match(
    stderr,
    /^c\.yaml:1:28: FIRESTEEL_CONFIG_INVALID: masters\[1\]\.port must be a whole number, not text\.$/m,
  )
  const asJson = await firesteel(['check', 'c.yaml', '--json'], { cwd })
  assert.equal(asJson.code, 2)
  assert.equal(errorOf(asJson).code, 'FIRESTEEL_CONFIG_CONFLICT')
})

test('check says what REDIS would use, and prints no password', async (t) => {
  const cwd = await folder(t, {
    'c.yaml': `masters: [{}]\nrecovery: {mode: REDIS, redis: "redis://:\${PW}@a", election: ["redis://b"]}\n`,
  })
  const env = { PW: 'hunter2' }
  const plain = await firesteel(['check', 'c.yaml'], { cwd, env })
  assert.match(
    plain.stdout,
    /^Recovery REDIS: data in redis:\/\/:\*\*\*@a; the lock on redis:\/\/b; lease 2\.5s\.$/m,
  )
  const json = await firesteel(['check', 'c.yaml', '--json'], { cwd, env })
  assert.deepEqual(JSON.parse(json.stdout).recovery, {
    mode: 'REDIS',
    leaseMs: 2500,
    redis: 'redis://:***@a',
    sentinel: null,
    election: ['redis://b'],
    replicas: 0,
  })
})

test('check --against lists what a file changes, without values, whatever folder the old one is in', async (t) => {
  const file = (args: string, cores: number): string =>
    `masters: [{name: m1}]\nworkers: [{name: w1, cores: ${cores}}]\nsubmissions: [{name: n, main: ./n.js, args: [${args}]}]\n`
  const elsewhere = await folder(t, { 'old.yaml': file('hunter2', 1) })
  const cwd = await folder(t, { 'c.yaml': file('hunter3', 2), 'same.yaml': file('hunter3', 2) })
  const old = resolve(elsewhere, 'old.yaml')
  const plain = await firesteel(['check', 'c.yaml', '--against', old], { cwd })
  assert.equal(plain.code, 0)
  assert.deepEqual(plain.stdout.split('\n').slice(-4), [
    `Different from ${old}:`,
    '~ workers.w1 (cores): restart w1, one after the other',
    '~ submissions.n (args): end the old content, then start the new one as the next generation',
    '',
  ])
  assert.doesNotMatch(plain.stdout, /hunter/)
  const same = await firesteel(['check', 'c.yaml', '--against', 'same.yaml'], { cwd })
  assert.match(same.stdout, /\nNothing is different from same\.yaml\.\n$/)
  const json = await firesteel(['check', 'c.yaml', '--against', old, '--json'], { cwd })
  assert.deepEqual((JSON.parse(json.stdout) as { changes: unknown }).changes, [
    { change: 'changed', key: 'workers.w1', step: 'restart', nodes: ['w1'], keys: ['cores'] },
    { change: 'changed', key: 'submissions.n', step: 'replace', nodes: [], keys: ['args'] },
  ])
  const wrong = await firesteel(['check', 'c.yaml', '--against', 'missing.yaml'], { cwd })
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /^FIRESTEEL_CONFIG_UNREADABLE: missing\.yaml/)
})

test('check --schema prints a JSON Schema', async (t) => {
  const { code, stdout } = await firesteel(['check', '--schema'], { cwd: await folder(t) })
  assert.equal(code, 0)
  const schema = JSON.parse(stdout) as { $schema: string; properties: Record<string, unknown> }
  assert.match(schema.$schema, /json-schema/)
  assert.ok('masters' in schema.properties)
})

/** Command line, exit code, code of the error. */
const usage: readonly (readonly [readonly string[], number, string])[] = [
  [['check'], 2, 'USAGE'],
  [['check', 'no.yaml'], 2, 'CONFIG_UNREADABLE'],
  [['chekc'], 2, 'USAGE'],
  [[], 2, 'USAGE'],
  [['up', '--wrokers', '2'], 2, 'USAGE'],
  [['up', '--workers', 'two'], 2, 'USAGE'],
  [['up', 'no.yaml'], 2, 'CONFIG_UNREADABLE'],
  [['up', 'rest.yaml'], 2, 'NOT_IN_RELEASE'],
  [['up', 'two.yaml'], 2, 'CONFIG_CONFLICT'],
  [['up', 'custom.yaml'], 2, 'CONFIG_INVALID'],
  [['up', 'spread.yaml', '--only', 'm1'], 2, 'SECRET_MISSING'],
  [['master', 'spread.yaml', '--name', 'm1'], 2, 'SECRET_MISSING'],
  [['master', '--recovery', 'REDIS'], 2, 'USAGE'],
  [['master', '--recovery', 'REDIS', '--redis', `redis://:\${NOPE}@a`], 2, 'USAGE'],
  [
    ['master', '--recovery', 'REDIS', '--redis', 'redis://a', '--election', 'redis://a,redis://b'],
    2,
    'USAGE',
  ],
  [['master', '--recovery', 'CUSTOM', '--module', './no.js'], 2, 'CONFIG_INVALID'],
  [['master', '--peers', 'firesteel://b:7070'], 2, 'USAGE'],
  [['up', 'elsewhere.yaml'], 2, 'USAGE'],
  [['up', 'ok.yaml', '--only', 'm9'], 2, 'USAGE'],
  [['up', 'submits.yaml'], 2, 'MAIN_NOT_FOUND'],
  [['submit', 'no.js'], 2, 'MAIN_NOT_FOUND'],
  [['submit', '--memory', 'lots', 'x.js'], 2, 'USAGE'],
  [['submit', '--resource', 'gpu', 'x.js'], 2, 'USAGE'],
  [['run', 'no.js'], 2, 'MAIN_NOT_FOUND'],
  [['status'], 2, 'SECRET_MISSING'],
  [['status', '--master', 'spark://a:1'], 2, 'ADDRESS_INVALID'],
  [['worker', '--cores', '0'], 2, 'USAGE'],
  [['worker', 'ok.yaml', '--cores', '1'], 2, 'USAGE'],
  [['master', 'ok.yaml', '--no-web'], 2, 'USAGE'],
  [['worker', '--tls-ca', 'ca.pem'], 2, 'USAGE'],
  [['worker', '--master', 'nonsense'], 2, 'USAGE'],
  [['each', '--jobs', '-1', 'true', 'x'], 2, 'USAGE'],
]

test('bad usage: exit code and code of the error, also as JSON', async (t) => {
  const cwd = await folder(t, {
    'ok.yaml': 'masters: [{}]\n',
    'rest.yaml': 'masters: [{port: 0, web: 0, rest: 0}]\n',
    'two.yaml': 'masters: [{port: 0, web: 0}, {port: 0, web: 0}]\n',
    'custom.yaml': 'masters: [{port: 0, web: 0}]\nrecovery: {mode: CUSTOM, module: ./no.js}\n',
    'spread.yaml':
      'masters: [{port: 1, web: 0}, {port: 2, web: 0}]\nrecovery: {mode: REDIS, redis: "redis://a"}\n',
    'elsewhere.yaml': 'masters: [{host: 192.0.2.1}]\n',
    'submits.yaml': 'masters: [{port: 0, web: 0}]\nsubmissions: [{name: a, main: ./no.js}]\n',
  })
  for (const [args, exit, name] of usage) {
    const plain = await firesteel(args, { cwd })
    assert.equal(plain.code, exit, `${args.join(' ')}: ${plain.stderr}`)
    assert.match(plain.stderr, new RegExp(`FIRESTEEL_${name}: .+\\.?`), args.join(' '))
    assert.equal(plain.stdout, '', args.join(' '))
  }
  const json = await firesteel(['status', '--json', '--master', 'spark://a:1'], { cwd })
  const error = errorOf(json)
  assert.deepEqual(Object.keys(error).slice(0, 3), ['code', 'message', 'help'])
  assert.equal(error.code, 'FIRESTEEL_ADDRESS_INVALID')
})

test('every command explains itself with an example', async (t) => {
  const cwd = await folder(t)
  const { stdout } = await firesteel(['--help'], { cwd })
  const names = [...stdout.matchAll(/^ {2}([a-z]+) (?=\[|<)/gm)].map(([, name]) => name!)
  assert.deepEqual(
    names.filter((name) => name !== 'help'),
    [
      ...[
        'up',
        'down',
        'master',
        'worker',
        'submit',
        'run',
        'each',
        'status',
        'explain',
        'ui',
        'kill',
        'restart',
        'drain',
        'undrain',
        'apply',
        'history',
        'upgrade',
        'logs',
        'trace',
        'report',
        'replay',
        'code',
        'cert',
        'token',
        'whoami',
        'check',
        'completion',
      ],
    ],
  )
  for (const name of names.filter((candidate) => candidate !== 'help')) {
    const help = await firesteel([name, '--help'], { cwd })
    assert.equal(help.code, 0)
    assert.match(help.stdout, new RegExp(`Examples:\\n  .*firesteel ${name}`), name)
  }
})
