import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { configurationPage, errorsPage } from '../../runtime/launch/cli/docs-pages.js'
import { recoveryJson, recoveryText } from '../../runtime/launch/cli/recovery-view.js'
import { deploymentJsonSchema } from '../../runtime/launch/config/issues.js'
import { formatProblem } from '../../runtime/launch/config/problem.js'
import { type ReadResult, readConfig } from '../../runtime/launch/config/read.js'
import { substitute } from '../../runtime/launch/config/substitute.js'
import { editDistance, nearestWord } from '../../runtime/nearest.js'
import { sentinelTarget, serverTarget } from '../../runtime/redis/target.js'

const read = (text: string, environment: Record<string, string> = {}): ReadResult =>
  readConfig(text, { file: 'c.yaml', folder: '/base', environment })
const lines = (text: string, environment?: Record<string, string>): string[] =>
  read(text, environment).problems.map(formatProblem)

const small = 'masters: [{}]\n'

test('a file of one line has all defaults', () => {
  const { config, problems } = read('masters: [{}]\nworkers: [{}, {}, {host: other}]')
  assert.deepEqual(problems, [])
  assert.deepEqual(config?.masters, [
    { name: 'm1', host: '127.0.0.1', port: 7070, web: 8080, rest: null, advertise: '127.0.0.1' },
  ])
  assert.deepEqual(
    config?.workers.map(({ name, port, web, cores, memoryMib }) => [name, port, web, cores, memoryMib]),
    [
      ['w1', 0, 8081, null, null],
      ['w2', 0, 0, null, null],
      ['w3', 0, 8081, null, null],
    ],
  )
  assert.deepEqual(config?.scheduling, {
    spreadOut: true,
    defaultCores: null,
    workerTimeoutMs: 60_000,
    orphanGraceMs: 0,
    relaunchOnRefused: true,
    maxExecutorRetries: 10,
  })
  assert.deepEqual(config?.recovery, {
    mode: 'NONE',
    directory: '/base/state',
    leaseMs: 2500,
    redis: null,
    sentinel: null,
    election: [],
    replicas: 0,
    module: null,
  })
  assert.deepEqual(config?.secret, { kind: 'default' })
})

test('units, environment and paths of a file', () => {
  const text = `
recovery: {mode: FILESYSTEM, directory: "\${DIR:-./st}", lease: 1500ms}
masters: [{name: m1, port: "\${PORT}", advertise: "\${NONE:-m1.example}"}]
workers: [{memory: 2.5g, resources: {gpu: ["0", "1"]}, labels: {zone: a}}]
security: {secret: "\${SECRET}"}
scheduling: {spreadOut: "\${SPREAD}", workerTimeout: 1m}
submissions: [{name: nightly, main: ./job.js, memory: 512m}]
`
  const { config, problems } = read(text, {
    PORT: '7171',
    SECRET: '0123456789abcdef0123456789abcdef',
    SPREAD: 'false',
  })
  assert.deepEqual(problems, [])
  assert.equal(config?.recovery.directory, '/base/st')
  assert.equal(config?.recovery.leaseMs, 1500)
  assert.equal(config?.masters[0]?.port, 7171)
  assert.equal(config?.masters[0]?.advertise, 'm1.example')
  assert.equal(config?.workers[0]?.memoryMib, 2560)
  assert.equal(config?.scheduling.spreadOut, false)
  assert.deepEqual(config?.secret, { kind: 'value', value: '0123456789abcdef0123456789abcdef' })
  assert.equal(config?.submissions[0]?.main, '/base/job.js')
})

/** File, and every line that `check` must print for it. */
const broken: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'an unknown key at each level',
    'masterz: 1\nmasters:\n  - {nam: x}\nworkers: [{}]\n',
    [
      'c.yaml:1:1: FIRESTEEL_CONFIG_UNKNOWN_KEY: masterz is not a key; did you mean masters?',
      'c.yaml:3:6: FIRESTEEL_CONFIG_UNKNOWN_KEY: masters[0].nam is not a key; did you mean name?',
    ],
  ],
  [
    'an unknown key that is near nothing',
    `${small}quux: 1\n`,
    ['c.yaml:2:1: FIRESTEEL_CONFIG_UNKNOWN_KEY: quux is not a key.'],
  ],
  [
    'wrong types, with what was there',
    'masters: [{port: lots, host: 7}]\ncluster: [a]\n',
    [
      'c.yaml:1:18: FIRESTEEL_CONFIG_INVALID: masters[0].port must be a whole number, not text.',
      'c.yaml:1:30: FIRESTEEL_CONFIG_INVALID: masters[0].host must be text, not a number: write "7".',
      'c.yaml:2:10: FIRESTEEL_CONFIG_INVALID: cluster must be text, not a list.',
    ],
  ],
  [
    'numbers out of range',
    'masters: [{port: 70000, web: 1.5}]\n',
    [
      'c.yaml:1:18: FIRESTEEL_CONFIG_INVALID: masters[0].port must be at most 65535.',
      'c.yaml:1:30: FIRESTEEL_CONFIG_INVALID: masters[0].web must be a port from 0 to 65535, or false for no HTTP.',
    ],
  ],
  [
    'a number that lacks its unit, and text that is none',
    `${small}recovery: {lease: 2}\nworkers: [{memory: big}]\n`,
    [
      'c.yaml:2:19: FIRESTEEL_CONFIG_INVALID: recovery.lease must be text such as 2.5s, not a number.',
      'c.yaml:3:20: FIRESTEEL_CONFIG_INVALID: workers[0].memory must be memory such as 512m or 4g.',
    ],
  ],
  [
    'a misspelt choice',
    `${small}recovery: {mode: filesytem}\n`,
    [
      'c.yaml:2:18: FIRESTEEL_CONFIG_INVALID: recovery.mode must be one of NONE, FILESYSTEM, REDIS, CUSTOM; did you mean FILESYSTEM?',
    ],
  ],
  [
    'a list whose object falls with it, and a rule between other keys',
    `${small}recovery: {mode: REDIS, sentinel: {name: a, hosts: 5}}\nworkers: [{name: w}, {name: w}]\n`,
    [
      'c.yaml:2:52: FIRESTEEL_CONFIG_INVALID: recovery.sentinel.hosts must be a list, not 5.',
      'c.yaml:3:29: FIRESTEEL_CONFIG_CONFLICT: workers[1] and workers[0] are both named w.',
    ],
  ],
  [
    'an empty key',
    'masters:\n',
    ['c.yaml:1:9: FIRESTEEL_CONFIG_INVALID: masters must be a list, not nothing.'],
  ],
  [
    'an empty file',
    '',
    ['c.yaml:1:1: FIRESTEEL_CONFIG_INVALID: the file must be a mapping of keys, not nothing.'],
  ],
  [
    'no nodes',
    'cluster: a\n',
    ['c.yaml:1:1: FIRESTEEL_CONFIG_INVALID: the file has neither masters nor workers.'],
  ],
  [
    'NONE with two Masters',
    'masters: [{name: a}, {name: b, port: 1, web: 2}]\n',
    [
      'c.yaml:1:10: FIRESTEEL_CONFIG_CONFLICT: recovery.mode NONE allows one Master, not 2; several need REDIS or CUSTOM.',
    ],
  ],
  [
    'FILESYSTEM with two Masters',
    'masters: [{name: a}, {name: b, port: 1, web: 2}]\nrecovery: {mode: FILESYSTEM}\n',
    [
      'c.yaml:1:10: FIRESTEEL_CONFIG_CONFLICT: recovery.mode FILESYSTEM allows one Master, not 2; several need REDIS or CUSTOM.',
    ],
  ],
  [
    'an even number of lock servers',
    `${small}recovery:\n  mode: REDIS\n  redis: redis://a\n  election: [redis://a, redis://b]\n`,
    [
      'c.yaml:5:13: FIRESTEEL_CONFIG_CONFLICT: recovery.election: an odd number of lock servers has a majority, 2 is even.',
    ],
  ],
  [
    'a lock server under two names, whatever its database and password',
    `${small}recovery:\n  mode: REDIS\n  redis: redis://a\n  election: ["redis://localhost/1", "redis://b", "redis://:pw@127.0.0.1:6379/2"]\n`,
    [
      'c.yaml:5:50: FIRESTEEL_CONFIG_CONFLICT: recovery.election[2] and recovery.election[0] are the same server, 127.0.0.1:6379.',
    ],
  ],
  [
    'REDIS without a server, and with two',
    'masters: [{}]\nrecovery:\n  mode: REDIS\n',
    ['c.yaml:3:3: FIRESTEEL_CONFIG_INVALID: recovery.mode REDIS needs recovery.redis or recovery.sentinel.'],
  ],
  [
    'REDIS with two places for the data',
    `${small}recovery:\n  mode: REDIS\n  redis: redis://a\n  sentinel: {name: x, hosts: ["a:26379"]}\n`,
    [
      'c.yaml:5:13: FIRESTEEL_CONFIG_CONFLICT: recovery has both redis and sentinel; the data is in one of them.',
    ],
  ],
  [
    'a URL that is not one of Redis; its password is not shown',
    `${small}recovery: {mode: REDIS, redis: "http://u:hunter2@a"}\n`,
    [
      'c.yaml:2:32: FIRESTEEL_CONFIG_INVALID: recovery.redis must be a URL such as redis://host:6379/0, rediss:// for TLS.',
    ],
  ],
  [
    'a URL with a path or options that a client would pass over',
    `${small}recovery: {mode: REDIS, redis: "redis://a/x", election: ["redis://b?db=1", "rediss://b?x=1", "redis://:%@b"]}\n`,
    [
      'c.yaml:2:32: FIRESTEEL_CONFIG_INVALID: recovery.redis must be a URL such as redis://host:6379/0, rediss:// for TLS.',
      'c.yaml:2:58: FIRESTEEL_CONFIG_INVALID: recovery.election[0] must be a URL such as redis://host:6379/0, rediss:// for TLS.',
      'c.yaml:2:76: FIRESTEEL_CONFIG_INVALID: recovery.election[1] must be a URL such as redis://host:6379/0, rediss:// for TLS.',
      'c.yaml:2:94: FIRESTEEL_CONFIG_INVALID: recovery.election[2] has a user or password that must be encoded: write % as %25.',
    ],
  ],
  [
    'a Sentinel without a port',
    `${small}recovery: {mode: REDIS, sentinel: {name: x, hosts: ["a", "b:99999", "[::1]:26379"]}}\n`,
    [
      'c.yaml:2:53: FIRESTEEL_CONFIG_INVALID: recovery.sentinel.hosts[0] must be host:port.',
      'c.yaml:2:58: FIRESTEEL_CONFIG_INVALID: recovery.sentinel.hosts[1] must be host:port.',
    ],
  ],
  [
    'CUSTOM without its module',
    'masters: [{}]\nrecovery:\n  mode: CUSTOM\n',
    ['c.yaml:3:3: FIRESTEEL_CONFIG_INVALID: recovery.mode CUSTOM needs recovery.module.'],
  ],
  [
    'Masters that cannot reach each other',
    'recovery: {mode: REDIS, redis: "redis://a"}\nmasters:\n  - {host: 10.0.0.1}\n  - {host: 0.0.0.0}\n  - {}\n',
    [
      'c.yaml:4:12: FIRESTEEL_CONFIG_CONFLICT: masters[1].host is 0.0.0.0: the other Masters need masters[1].advertise.',
      'c.yaml:5:5: FIRESTEEL_CONFIG_CONFLICT: masters[2].host is 127.0.0.1: Masters on other machines cannot reach it.',
    ],
  ],
  [
    'a lease that is too short, a timeout that is too short for its lease',
    `${small}recovery: {lease: 500ms}\n`,
    ['c.yaml:2:19: FIRESTEEL_CONFIG_INVALID: recovery.lease must be at least 1s.'],
  ],
  [
    'a Worker timeout below four leases',
    `${small}scheduling: {workerTimeout: 9s}\n`,
    [
      'c.yaml:2:29: FIRESTEEL_CONFIG_CONFLICT: scheduling.workerTimeout must be at least 4 leases: 9000 ms is less than 4 leases of 2500 ms.',
    ],
  ],
  [
    'names and ports twice, also implied ones',
    'masters: [{name: w2}]\nworkers:\n  - {port: 7070}\n  - {web: 8080}\n',
    [
      'c.yaml:3:12: FIRESTEEL_CONFIG_CONFLICT: workers[0].port and masters[0].port are both port 7070 of 127.0.0.1.',
      'c.yaml:4:5: FIRESTEEL_CONFIG_CONFLICT: workers[1] and masters[0] are both named w2.',
      'c.yaml:4:11: FIRESTEEL_CONFIG_CONFLICT: workers[1].web and masters[0].web are both port 8080 of 127.0.0.1.',
    ],
  ],
  [
    'a page where the first Worker of that host has its own unless told',
    'masters: [{web: 8081}]\nworkers: [{host: localhost}, {}, {web: 8081}]\n',
    [
      'c.yaml:2:11: FIRESTEEL_CONFIG_CONFLICT: workers[0].web and masters[0].web are both port 8081 of 127.0.0.1.',
      'c.yaml:2:30: FIRESTEEL_CONFIG_CONFLICT: workers[1].web and masters[0].web are both port 8081 of 127.0.0.1.',
      'c.yaml:2:40: FIRESTEEL_CONFIG_CONFLICT: workers[2].web and masters[0].web are both port 8081 of 127.0.0.1.',
    ],
  ],
  [
    'pages on an address and a port of their own, one that is taken there, and an address of pages that are off',
    'masters: [{port: 7, web: 7, webHost: 10.0.0.1}]\nworkers: [{web: 7, webHost: 10.0.0.1}, {web: false, webHost: a}]\n',
    [
      'c.yaml:2:17: FIRESTEEL_CONFIG_CONFLICT: workers[0].web and masters[0].web are both port 7 of 10.0.0.1.',
      'c.yaml:2:62: FIRESTEEL_CONFIG_CONFLICT: workers[1].webHost says where HTTP listens, and workers[1].web is false.',
    ],
  ],
  [
    'pages that are neither at a port nor off',
    'masters: [{}]\nworkers: [{web: off}, {web: true}, {web: 70000}]\n',
    [
      'c.yaml:2:17: FIRESTEEL_CONFIG_INVALID: workers[0].web must be a port from 0 to 65535, or false for no HTTP.',
      'c.yaml:2:29: FIRESTEEL_CONFIG_INVALID: workers[1].web must be a port from 0 to 65535, or false for no HTTP.',
      'c.yaml:2:42: FIRESTEEL_CONFIG_INVALID: workers[2].web must be at most 65535.',
    ],
  ],
  [
    'master beside masters, and workers without any',
    `${small}master: firesteel://a:1\n`,
    [
      'c.yaml:2:9: FIRESTEEL_CONFIG_CONFLICT: master is for files that only have workers; this one has masters.',
    ],
  ],
  [
    'workers that have nobody to join',
    'workers: [{}]\n',
    [
      'c.yaml:1:10: FIRESTEEL_CONFIG_INVALID: workers without masters need master: firesteel://host:port to join.',
    ],
  ],
  [
    'a literal secret, and one hidden in a default',
    `${small}security: {secret: 0123456789abcdef0x}\n`,
    [
      `c.yaml:2:20: FIRESTEEL_CONFIG_INVALID: security.secret must be a reference without default, such as "\${FIRESTEEL_SECRET}": files get copied.`,
    ],
  ],
  [
    'a secret hidden in a default',
    `${small}security: {secret: "\${S:-0123456789abcdef0}"}\n`,
    [
      `c.yaml:2:20: FIRESTEEL_CONFIG_INVALID: security.secret must be a reference without default, such as "\${FIRESTEEL_SECRET}": files get copied.`,
    ],
  ],
  [
    'a variable that is not set',
    `${small}security: {secret: "\${NOPE}"}\n`,
    [
      'c.yaml:2:20: FIRESTEEL_CONFIG_INVALID: security.secret needs the environment variable NOPE, which is not set.',
    ],
  ],
  [
    'a rule between keys is checked although another key is wrong',
    'masters: [{name: a, port: x}, {name: a, web: 1}]\nrecovery: {mode: FILESYSTEM, oops: 1}\n',
    [
      'c.yaml:1:10: FIRESTEEL_CONFIG_CONFLICT: recovery.mode FILESYSTEM allows one Master, not 2; several need REDIS or CUSTOM.',
      'c.yaml:1:27: FIRESTEEL_CONFIG_INVALID: masters[0].port must be a whole number, not text.',
      'c.yaml:1:38: FIRESTEEL_CONFIG_CONFLICT: masters[1] and masters[0] are both named a.',
      'c.yaml:2:30: FIRESTEEL_CONFIG_UNKNOWN_KEY: recovery.oops is not a key.',
    ],
  ],
  [
    'keys of another mode',
    `${small}recovery: {mode: NONE, directory: x, redis: "redis://a"}\n`,
    [
      'c.yaml:2:35: FIRESTEEL_CONFIG_CONFLICT: recovery.directory is for recovery.mode FILESYSTEM or CUSTOM, not NONE.',
      'c.yaml:2:45: FIRESTEEL_CONFIG_CONFLICT: recovery.redis is for recovery.mode REDIS, not NONE.',
    ],
  ],
  [
    'a name that no message carries',
    `${small}workers: [{labels: {a: b, __proto__: x}}]\n`,
    [
      'c.yaml:2:38: FIRESTEEL_CONFIG_INVALID: workers[0].labels.__proto__ must have another name, because no message carries __proto__.',
    ],
  ],
  [
    'a key twice',
    'masters: [{}]\nmasters: [{}]\n',
    ['c.yaml:2:1: FIRESTEEL_CONFIG_INVALID: this key is there twice.'],
  ],
]

for (const [name, text, expected] of broken) {
  test(`check: ${name}`, () => assert.deepEqual(lines(text), expected))
}

test('check: a short secret is named with its length, never shown', () => {
  const [line] = lines(`${small}security: {secret: "\${S}"}\n`, { S: 'hunter2' })
  assert.equal(
    line,
    'c.yaml:2:20: FIRESTEEL_SECRET_TOO_SHORT: security.secret has 7 bytes; at least 32 are needed.',
  )
})

test('check: not YAML names the place once', () => {
  const found = lines('masters: [{name: a\nworkers: {\n')
  assert.equal(found.length, 1)
  assert.match(found[0]!, /^c\.yaml:\d+:\d+: FIRESTEEL_CONFIG_UNREADABLE: not YAML: /)
})

test('REDIS and CUSTOM: all that a Master needs', () => {
  const { config, problems } = read(
    `masters: [{}, {port: 1, web: 2}]
recovery: {mode: REDIS, redis: "rediss://u:\${PW}@a/3?ca=./ca.pem&servername=x", election: ["redis://x"], replicas: 1}
`,
    { PW: 'hunter2' },
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(config?.recovery, {
    mode: 'REDIS',
    directory: '/base/state',
    leaseMs: 2500,
    redis: 'rediss://u:hunter2@a/3?ca=%2Fbase%2Fca.pem&servername=x',
    sentinel: null,
    election: ['redis://x'],
    replicas: 1,
    module: null,
  })
  const sentinel = read(
    `${small}recovery: {mode: REDIS, sentinel: {name: fs, hosts: ["a:26379"], db: 2, tls: {ca: ./ca.pem}}}\n`,
  )
  assert.deepEqual(sentinel.config?.recovery.sentinel, {
    name: 'fs',
    hosts: ['a:26379'],
    db: 2,
    tls: { ca: '/base/ca.pem' },
  })
  const custom = read('masters: [{}, {port: 1, web: 2}]\nrecovery: {mode: CUSTOM, module: ./x.js}\n')
  assert.equal(custom.config?.recovery.module, '/base/x.js')
})

test('check shows what REDIS would use, without a password', () => {
  const { config } = read(
    `masters: [{}]
recovery:
  mode: REDIS
  sentinel: {name: fs, hosts: ["a:26379", "b:26379"], password: "\${PW}", sentinelPassword: literal}
  election: ["redis://u:\${PW}@x:1", "redis://y", "redis://z/2"]
  replicas: 1
`,
    { PW: 'hunter2' },
  )
  assert.ok(config)
  assert.deepEqual(recoveryJson(config.recovery), {
    mode: 'REDIS',
    leaseMs: 2500,
    redis: null,
    sentinel: { name: 'fs', hosts: ['a:26379', 'b:26379'], password: '***', sentinelPassword: '***' },
    election: ['redis://u:***@x:1', 'redis://y', 'redis://z/2'],
    replicas: 1,
  })
  assert.equal(
    recoveryText(config.recovery),
    'Recovery REDIS: data in fs at the Sentinels a:26379, b:26379, each commit on 1 more; ' +
      'the lock on redis://u:***@x:1, redis://y, redis://z/2; lease 2.5s.',
  )
  const plain = read(`${small}recovery: {mode: REDIS, redis: "redis://:hunter2@a:6380/1", lease: 1s}\n`)
  assert.equal(
    recoveryText(plain.config!.recovery),
    'Recovery REDIS: data in redis://:***@a:6380/1; the lock beside it; lease 1s.',
  )
})

const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      null,
      true,
      0,
      -1,
      1e9,
      '',
      'a',
      '2.5s',
      '512m',
      `\${X}`,
      'firesteel://a:1',
      'REDIS',
      'FILESYSTEM',
      'redis://a',
      'rediss://a/1?ca=x',
      '0.0.0.0',
    ),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        ...[
          'masters',
          'workers',
          'recovery',
          'mode',
          'election',
          'name',
          'port',
          'host',
          'security',
          'secret',
          'scheduling',
        ],
        ...[
          'resources',
          'gpu',
          'env',
          'submissions',
          'main',
          '__proto__',
          'constructor',
          'master',
          'sentinel',
          'labels',
          'redis',
          'hosts',
          'tls',
          'advertise',
        ],
      ),
      tie('any'),
      { maxKeys: 5 },
    ),
  ),
})).any

test('no YAML crashes the reader, and every problem has a place in the file', () => {
  const property = fc.property(value, (content) => {
    const text = stringify(content)
    const { config, problems } = read(text)
    assert.equal(config === undefined, problems.length > 0)
    const count = text.split('\n').length
    for (const { place, message } of problems) {
      assert.ok(place.line >= 1 && place.line <= count && place.column >= 1, JSON.stringify({ place, text }))
      assert.ok(message.length > 0)
    }
  })
  fc.assert(property, { numRuns: 500 })
})

test('no text crashes the reader', () => {
  const yamlish = fc.string({
    unit: fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '[',
      ']',
      '{',
      '}',
      '-',
      '&',
      '*',
      '!',
      '"',
      "'",
      '$',
      '|',
      '\t',
      '#',
      '<<',
    ),
    maxLength: 60,
  })
  fc.assert(
    fc.property(fc.oneof(yamlish, fc.string({ unit: 'binary' })), (text) => {
      read(text)
    }),
    { numRuns: 1000 },
  )
  assert.ok(read('['.repeat(20_000)).problems.length > 0)
  assert.ok(read(`a: &a [x]\n${'b: [*a,*a]\n'.repeat(3)}`).problems.length > 0)
})

test('the environment reaches every text and nothing else', () => {
  const found = substitute({ a: [`\${A}-\${B:-b}`, '$A', 1], c: `\${D}` }, { A: 'x', B: '' })
  assert.deepEqual(found.value, { a: ['x-b', '$A', 1], c: '' })
  assert.deepEqual(found.missing, [{ path: ['c'], name: 'D' }])
})

test('two dollars give the reference itself', () => {
  const found = substitute({ a: `$\${A} $$\${A} \${A}`, b: '$$' }, { A: 'x' })
  assert.deepEqual(found.value, { a: `\${A} $\${A} x`, b: '$$' })
  assert.deepEqual(found.missing, [])
})

test('a password of Redis that must be encoded: the characters are named, the password is not', () => {
  const problem = (password: string): string =>
    read(`masters: [{}]\nrecovery: {mode: REDIS, redis: "redis://:\${PASSWORD}@10.0.0.1:6379/0"}\n`, {
      PASSWORD: password,
    })
      .problems.map(({ message }) => message)
      .join()
  assert.equal(
    problem('hun/ter'),
    'recovery.redis has a user or password that must be encoded: write / as %2F',
  )
  assert.match(problem('hun#ter?2'), /write # as %23, \? as %3F$/)
  assert.match(problem('50%hunter'), /write % as %25$/)
  assert.equal(problem('hun%2Fter%25@x'), '')
})

test('the nearest word', () => {
  assert.equal(editDistance('lease', 'laese'), 1)
  assert.equal(nearestWord('worker', ['workers', 'masters']), 'workers')
  assert.equal(nearestWord('xyz', ['workers', 'masters']), undefined)
})

test('the example files are valid', () => {
  const files = readdirSync('config').filter((name) => name.endsWith('.yaml'))
  assert.ok(files.length >= 10)
  for (const name of files) {
    const { config, problems } = readConfig(readFileSync(`config/${name}`, 'utf8'), {
      file: name,
      folder: '/base',
      environment: { FIRESTEEL_SECRET: '0123456789abcdef0123456789abcdef' },
    })
    assert.deepEqual(problems.map(formatProblem), [])
    const { redis = null, sentinel = null, election = [] } = config?.recovery ?? {}
    for (const url of [...(redis === null ? [] : [redis]), ...election]) serverTarget(url)
    if (sentinel) sentinelTarget(sentinel)
  }
})

test('the generated pages of docs/ are current: npm run docs', () => {
  assert.equal(readFileSync('docs/configuration.md', 'utf8'), configurationPage())
  assert.equal(readFileSync('docs/errors.md', 'utf8'), errorsPage())
})

test('every key has a description', () => {
  const visit = (node: ReturnType<typeof deploymentJsonSchema>, path: string): void => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      assert.ok(child.description, `${path}${key} has no description`)
      visit(child.items ?? child, `${path}${key}.`)
    }
  }
  visit(deploymentJsonSchema(), '')
})
