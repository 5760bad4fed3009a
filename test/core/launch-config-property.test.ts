import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import type { Deployment } from '../../runtime/launch/config/deployment.js'
import { formatProblem } from '../../runtime/launch/config/problem.js'
import { type ReadResult, readConfig, readValue } from '../../runtime/launch/config/read.js'
import { limits } from '../../runtime/limits.js'
import { mustBeAnAnswer } from '../fuzz/config-answer.js'
import { keys } from '../tools/config-keys.js'
import { optional, reference, validFile } from './config-arbitrary.js'
import { SECRET_VARIABLE, writtenOut } from './config-writer.js'

/*
 * The config reader: whatever it is given, a deployment or coded problems with their places; what it accepts,
 * written out and read again, is the same; what the limits forbid is refused, and what they allow is not.
 * (launch-config.test.ts has the texts.)
 */

const SECRET = '0123456789abcdef0123456789abcdef'
const environment = { FIRESTEEL_SECRET: SECRET, [SECRET_VARIABLE]: SECRET, NUMBER: '7', EMPTY: '' }
const read = (text: string): ReadResult => readConfig(text, { file: 'c.yaml', folder: '/base', environment })

const assertAnswer = (text: string, answer: ReadResult): void => mustBeAnAnswer(text, 'c.yaml', answer)

const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    Number.POSITIVE_INFINITY,
    -0,
    Number.MAX_SAFE_INTEGER,
    '',
    ' ',
    'REDIS',
    'NONE',
  ),
  fc.constantFrom<unknown>(
    '2.5s',
    '99d',
    '512m',
    '0.0001k',
    reference('NUMBER'),
    reference('MISSING'),
    reference('EMPTY', ':-x'),
  ),
  fc.constantFrom<unknown>(
    'firesteel://a:1,b',
    'redis://a',
    'rediss://a/1?ca=x',
    '0.0.0.0',
    '::1',
    'localhost',
    '[::1]:1',
  ),
  fc.integer(),
  fc.double(),
  fc.string({ unit: 'binary', maxLength: 8 }),
)
const structure = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...keys), tie('any'), { maxKeys: 6, noNullPrototype: true }),
  ),
})).any

test('any structure, as YAML or as JSON, is a deployment or coded problems with places', () => {
  fc.assert(
    fc.property(
      structure,
      fc.constantFrom('any' as const, 'flow' as const, 'json' as const),
      (value, form) => {
        const text =
          form === 'json' ? (JSON.stringify(value) ?? '') : stringify(value, { collectionStyle: form })
        assertAnswer(text, read(text))
      },
    ),
    { numRuns: 500 },
  )
})

test('any text is a deployment or coded problems with places', () => {
  const yamlish = fc.array(
    fc.constantFrom(
      ...[
        'a',
        ':',
        ' ',
        '\n',
        '  ',
        '[',
        ']',
        '{',
        '}',
        '- ',
        '&a ',
        '*a',
        '!',
        '!!set ',
        '!!binary ',
        '"',
        "'",
        '$',
      ],
      ...[
        '{',
        '|',
        '>',
        '\t',
        '#',
        '<<: ',
        '? ',
        '%YAML 1.1\n---\n',
        '---\n',
        '...\n',
        ',',
        '\r\n',
        '\ufeff',
        '~',
        '.inf',
      ],
      ...keys.map((key) => `${key}: `),
    ),
    { maxLength: 40, size: 'max' },
  )
  const text = fc.oneof(
    yamlish.map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(text, (one) => assertAnswer(one, read(one))),
    { numRuns: 1000 },
  )
})

test('a file that holds itself, or is nested without end, is a problem and no crash', () => {
  const texts = [
    'a: &a [*a]\n',
    'a: &a {b: *a}\n',
    'masters: &a [*a, *a]\n',
    '&a\ncluster: *a\n',
    'workers: &w\n  - labels: *w\n',
    'a: &a {<<: *a}\n',
    '? &a [*a]\n: 1\n',
  ]
  for (const text of texts) {
    const answer = read(text)
    assertAnswer(text, answer)
    assert.ok(answer.problems.length > 0)
  }
  for (const depth of [10, 100, 500, 1000, 2000, 3000, 5000, 20_000]) {
    for (const text of [
      `masters: ${'['.repeat(depth)}${']'.repeat(depth)}`,
      `cluster: ${'{a: '.repeat(depth)}1${'}'.repeat(depth)}`,
    ]) {
      assertAnswer(text, read(text))
    }
  }
})

test('places are right behind what the parser cannot read (found by the fuzzer)', () => {
  const { problems } = read('r: : []1\n s:')
  assert.deepEqual(
    problems.map(({ place, message }) => [place.line, place.column, message]),
    [
      [1, 4, 'not YAML: Nested mappings are not allowed in compact mappings'],
      [2, 3, 'this key is there twice'],
    ],
  )
})

test('what stands in the file never reaches standard error past the problems', (t) => {
  const warnings: unknown[] = []
  t.mock.method(process, 'emitWarning', (warning: unknown) => warnings.push(warning))
  for (const text of ['{a: b}: c\n', '? [hunter2]\n: 1\n', '!unknown x: 1\n', 'a: !!float x\n']) {
    assertAnswer(text, read(text))
  }
  assert.deepEqual(warnings, [])
})

test('a variable is what the environment has of its own, never what an object is born with', () => {
  const names = ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf']
  for (const name of names) {
    const text = `masters: [{}]\ncluster: "${reference(name)}"\n`
    const { problems } = read(text)
    assert.deepEqual(
      problems.map(({ message }) => message),
      [`cluster needs the environment variable ${name}, which is not set`],
    )
    const withDefault = read(`masters: [{}]\ncluster: "${reference(name, ':-demo')}"\n`)
    assert.equal(withDefault.config?.cluster, 'demo')
  }
})

/** What a file says of a node stands, and every path is absolute. */
function assertSaid(file: Record<string, unknown>, config: Deployment): void {
  for (const list of ['masters', 'workers'] as const) {
    const said = (file[list] ?? []) as Readonly<Record<string, unknown>>[]
    assert.equal(config[list].length, said.length)
    for (const [index, plan] of config[list].entries()) {
      for (const key of [
        'name',
        'host',
        'port',
        'web',
        'rest',
        'advertise',
        'cores',
        'labels',
        'resources',
      ]) {
        const value = said[index]?.[key]
        if (value !== undefined)
          assert.deepEqual((plan as unknown as Record<string, unknown>)[key], value, key)
      }
    }
  }
  const { recovery, submissions, secret } = config
  const paths = [recovery.directory, recovery.module, ...submissions.map(({ main }) => main)]
  for (const one of [...paths, secret.kind === 'file' ? secret.path : null]) {
    if (one !== null) assert.ok(one.startsWith('/'), one)
  }
}

test('a valid deployment is read, and written out and read again it is the same, in every form', () => {
  const styles = fc.record({
    collectionStyle: fc.constantFrom('any' as const, 'block' as const, 'flow' as const),
    defaultStringType: fc.constantFrom('PLAIN' as const, 'QUOTE_DOUBLE' as const, 'QUOTE_SINGLE' as const),
    indent: fc.integer({ min: 2, max: 5 }),
  })
  fc.assert(
    fc.property(validFile, styles, (file, style) => {
      const { config, problems } = read(stringify(file, style))
      assert.deepEqual(problems.map(formatProblem), [])
      assert.ok(config)
      assertSaid(file, config)
      assert.deepEqual(read(JSON.stringify(file)).config, config, 'JSON is YAML')
      assert.deepEqual(readValue(file, '/base', environment).config, config)
      const again = read(stringify(writtenOut(config), style))
      assert.deepEqual(again.problems.map(formatProblem), [])
      assert.deepEqual(again.config, config)
    }),
    { numRuns: 300 },
  )
})

test('every number is taken within its bounds and refused beside them', () => {
  const bounds: readonly [string, number, number, (value: number) => object][] = [
    ['masters[0].port', 0, 65_535, (port) => ({ masters: [{ port, web: 0 }] })],
    ['masters[0].web', 0, 65_535, (web) => ({ masters: [{ web, port: 0 }] })],
    ['workers[0].cores', 1, 8192, (cores) => ({ masters: [{}], workers: [{ cores }] })],
    [
      'recovery.replicas',
      0,
      100,
      (replicas) => ({ masters: [{}], recovery: { mode: 'REDIS', redis: 'redis://a', replicas } }),
    ],
    [
      'scheduling.defaultCores',
      1,
      Number.MAX_SAFE_INTEGER,
      (defaultCores) => ({ masters: [{}], scheduling: { defaultCores } }),
    ],
    [
      'scheduling.maxExecutorRetries',
      -1,
      1_000_000,
      (n) => ({ masters: [{}], scheduling: { maxExecutorRetries: n } }),
    ],
    ['tracing.ring', 0, 10_000_000, (ring) => ({ masters: [{}], tracing: { ring } })],
    [
      'submissions[0].cores',
      1,
      8192,
      (cores) => ({ masters: [{}], submissions: [{ name: 'x', main: 'x', cores }] }),
    ],
  ]
  fc.assert(
    fc.property(
      fc.constantFrom(...bounds),
      fc.double({ noNaN: true }),
      fc.integer({ min: -2, max: 2 }),
      (bound, any, near) => {
        const [key, low, high, fileOf] = bound
        for (const value of [low + near, high + near, Math.trunc(any % (2 * Math.min(high, 1e9))), any]) {
          if (!Number.isFinite(value)) continue
          const { problems } = read(JSON.stringify(fileOf(value)))
          const allowed = Number.isSafeInteger(value) && value >= low && value <= high
          assert.equal(problems.length === 0, allowed, `${key}: ${value}: ${problems.map(formatProblem)}`)
          if (!allowed) assert.deepEqual([problems[0]!.code, problems[0]!.key], ['CONFIG_INVALID', key])
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('protocol 9 and L4: a lease of 1 s at least, W of four leases at least, whichever of them is written', () => {
  const ms = fc.oneof(
    fc.constantFrom(999, 1000, 1001),
    fc.integer({ min: 1, max: 4000 }),
    fc.integer({ min: 1, max: 100_000 }),
  )
  fc.assert(
    fc.property(
      optional(ms),
      optional(ms),
      fc.integer({ min: -1, max: 1 }),
      fc.boolean(),
      (lease, timeout, near, atEdge) => {
        const workerTimeout = atEdge && lease !== undefined ? 4 * lease + near : timeout
        if (workerTimeout !== undefined && workerTimeout < 0) return
        const { problems, config } = read(
          JSON.stringify({
            masters: [{}],
            recovery: lease === undefined ? {} : { lease: `${lease}ms` },
            scheduling: workerTimeout === undefined ? {} : { workerTimeout: `${workerTimeout}ms` },
          }),
        )
        const leaseMs = lease ?? limits.leaseMs
        const workerTimeoutMs = workerTimeout ?? limits.workerTimeoutMs
        const allowed = leaseMs >= 1000 && workerTimeoutMs >= 4 * leaseMs
        assert.equal(problems.length === 0, allowed, `${lease} ${workerTimeout}`)
        if (config)
          assert.deepEqual(
            [config.recovery.leaseMs, config.scheduling.workerTimeoutMs],
            [leaseMs, workerTimeoutMs],
          )
      },
    ),
    { numRuns: 500 },
  )
})

test('an odd number of distinct lock servers, a secret of 32 bytes, one Master where there is one store', () => {
  const servers = fc.array(fc.nat(4), { minLength: 1, maxLength: 7 })
  fc.assert(
    fc.property(servers, (numbers) => {
      const election = numbers.map((n) => `redis://host${n}:6379/${n}`)
      const { problems } = read(
        JSON.stringify({ masters: [{}], recovery: { mode: 'REDIS', redis: 'redis://a', election } }),
      )
      assert.equal(
        problems.length === 0,
        numbers.length % 2 === 1 && new Set(numbers).size === numbers.length,
      )
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (secret) => {
      const options = { file: 'c.yaml', folder: '/base', environment: { S: secret } }
      const { problems } = readConfig(`masters: [{}]\nsecurity: {secret: "${reference('S')}"}\n`, options)
      const allowed = Buffer.byteLength(secret) >= 32
      assert.equal(problems.length === 0, allowed, secret)
      if (!allowed) assert.equal(problems[0]!.code, 'SECRET_TOO_SHORT')
      if (secret.length > 3)
        assert.ok(!problems.map(formatProblem).join().includes(secret), 'the secret is shown')
    }),
  )
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 66 }),
      fc.constantFrom('NONE', 'FILESYSTEM', 'REDIS'),
      (count, mode) => {
        const masters = Array.from({ length: count }, (_, n) => ({ port: 7000 + n, web: 0 }))
        const recovery = { mode, ...(mode === 'REDIS' && { redis: 'redis://a' }) }
        const { problems } = read(JSON.stringify({ masters, recovery }))
        assert.equal(problems.length === 0, count === 1 || (mode === 'REDIS' && count <= 64))
      },
    ),
  )
})

/* The files that people start from, with what slips of the hand do to them. */

const examples = readdirSync('config')
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(`config/${name}`, 'utf8'))

const slip = fc.record({
  how: fc.constantFrom<'drop' | 'double' | 'put' | 'swap' | 'indent' | 'splice' | 'cut'>(
    ...(['drop', 'double', 'put', 'swap', 'indent', 'splice', 'cut'] as const),
  ),
  place: fc.nat(4000),
  length: fc.nat(30),
  text: fc.constantFrom(
    ...[
      ':',
      ' ',
      '\n',
      '"',
      "'",
      '{',
      '}',
      '[',
      ']',
      '&a',
      '*a',
      '!!set',
      '- ',
      reference('').slice(0, 2),
      '}',
      '#',
      '\t',
      '|',
      'null',
      '0',
    ],
    ...['-1', '1e9', 'x', '__proto__', '<<: *a', '\u0000', '\ud800', '\r', '\ufeff', '99999999999999999999'],
  ),
  other: fc.nat(20),
})

function slipped(
  text: string,
  slips: readonly (typeof slip extends fc.Arbitrary<infer S> ? S : never)[],
): string {
  let now = text
  for (const { how, place, length, text: put, other } of slips) {
    const at = place % (now.length + 1)
    const piece = now.slice(at, at + length)
    const [before, after] = [now.slice(0, at), now.slice(at + length)]
    if (how === 'drop') now = before + after
    else if (how === 'double') now = before + piece + piece + after
    else if (how === 'put') now = before + put + now.slice(at)
    else if (how === 'swap') now = before + [...piece].reverse().join('') + after
    else if (how === 'indent') now = `${before}\n${' '.repeat(length % 5)}${now.slice(at)}`
    else if (how === 'cut') now = before
    else now = before + examples[other % examples.length]!.slice(at, at + 5 * length) + after
  }
  return now
}

test('a slip in a file of config/ is never more than a coded problem with its place', () => {
  let valid = 0
  let refused = 0
  fc.assert(
    fc.property(
      fc.nat(examples.length - 1),
      fc.array(slip, { minLength: 1, maxLength: 4 }),
      (which, slips) => {
        const text = slipped(examples[which]!, slips)
        const answer = read(text)
        assertAnswer(text, answer)
        if (answer.config) valid++
        else refused++
      },
    ),
    { numRuns: 400 },
  )
  assert.ok(valid > 40 && refused > 40, `${valid} valid, ${refused} refused`)
})

test('an object under `length` is a coded problem with its place, wherever it stands', () => {
  for (const text of [
    '{"masters":{"length":{"toString":"2.5s"}}}',
    '{"cluster":{"length":{"valueOf":1,"toString":1}},"masters":[{}]}',
    '{"masters":[{"name":{"length":{"toString":1}}}],"workers":[{"labels":{"length":{"toString":1}}}]}',
  ]) {
    const answer = read(text)
    assertAnswer(text, answer)
    assert.ok('problems' in answer && answer.problems.length > 0, text)
  }
})
