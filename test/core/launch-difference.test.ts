import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { changeText } from '../../runtime/launch/cli/difference-text.js'
import type { Deployment } from '../../runtime/launch/config/deployment.js'
import { type Change, deploymentDifference } from '../../runtime/launch/config/difference.js'
import { readConfig } from '../../runtime/launch/config/read.js'

const ENVIRONMENT = { SECRET: 's'.repeat(32) }

function deployment(text: string): Deployment {
  const { config, problems } = readConfig(text, { file: 'c.yaml', folder: '/base', environment: ENVIRONMENT })
  assert.deepEqual(problems, [])
  return config!
}

const BASE = `
cluster: demo
recovery: {mode: REDIS, redis: "redis://:hunter2@a"}
masters: [{name: m1, port: 7070}, {name: m2, port: 7071, web: 8090}]
workers: [{name: w1, cores: 2}, {name: w2, cores: 2}]
security: {secret: "\${SECRET}"}
scheduling: {workerTimeout: 60s}
submissions: [{name: nightly, main: ./job.js, args: [one], env: {TOKEN: hunter2}}, {name: web, main: ./web.js}]
`
const base = deployment(BASE)
const changed = (from: string, to: string): string[] => {
  assert.ok(BASE.includes(from), from)
  return deploymentDifference(base, deployment(BASE.replace(from, to))).map(changeText)
}

test('each kind of change says what it takes', () => {
  assert.deepEqual(changed('cluster: demo', 'cluster: demo'), [])
  const one = (from: string, to: string, line: string): void => assert.deepEqual(changed(from, to), [line])
  one(
    'workerTimeout: 60s',
    'workerTimeout: 2m',
    '~ scheduling.workerTimeout: restart m1, m2, w1, w2, one after the other',
  )
  one('workerTimeout: 60s', 'spreadOut: false', '~ scheduling.spreadOut: restart m1, m2, one after the other')
  one(
    ', {name: w2, cores: 2}',
    ', {name: w2, cores: 3}',
    '~ workers.w2 (cores): restart w2, one after the other',
  )
  one(', {name: w2, cores: 2}', '', '- workers.w2: drain it, then stop it')
  one(', {name: m2, port: 7071, web: 8090}', '', '- masters.m2: stop it')
  one('{name: w2, cores: 2}', '{name: w2, cores: 2}, {name: w3}', '+ workers.w3: start it')
  one(
    'args: [one]',
    'args: [two]',
    '~ submissions.nightly (args): end the old content, then start the new one as the next generation',
  )
  assert.deepEqual(changed('{name: web, main', '{name: api, main'), [
    '+ submissions.api: submit it',
    '- submissions.web: end it',
  ])
})

test('what cannot change, or only for all at once, says why', () => {
  assert.match(
    changed('cluster: demo', 'cluster: other')[0]!,
    /^~ cluster: this cannot change: its store and /,
  )
  assert.match(
    changed('hunter2@a', 'hunter2@b')[0]!,
    /^~ recovery\.redis: stop m1, m2 before the first of them starts again: Masters with different stores /,
  )
  assert.match(
    changed(`security: {secret: "\${SECRET}"}`, 'security: {file: s}')[0]!,
    /^~ security\.secret: stop m1, m2, w1, w2 before the first of them starts again: a node with another secret /,
  )
})

test('no value is shown: it may be a secret', () => {
  const lines = [
    ...changed('hunter2@a', 'hunter3@a'),
    ...changed('TOKEN: hunter2', 'TOKEN: hunter4'),
    ...changed('args: [one]', 'args: [hunter5]'),
  ]
  assert.equal(lines.length, 3)
  for (const line of lines) assert.doesNotMatch(line, /hunter/)
})

test('a renamed Worker is one more and one less, and only what both files have is restarted', () => {
  const lines = deploymentDifference(
    base,
    deployment(BASE.replace('{name: w2', '{name: w9').replace('60s', '90s')),
  ).map(changeText)
  assert.deepEqual(lines, [
    '~ scheduling.workerTimeout: restart m1, m2, w1, one after the other',
    '+ workers.w9: start it',
    '- workers.w2: drain it, then stop it',
  ])
})

/** Every value in a deployment, by its path. */
function* leaves(value: unknown, path: readonly string[] = []): Generator<readonly string[]> {
  if (typeof value !== 'object' || value === null) yield path
  else for (const [key, inner] of Object.entries(value)) yield* leaves(inner, [...path, key])
}

function withOther(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return typeof value === 'number' ? value + 1 : `${String(value)}x`
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>
  copy[key] = withOther(copy[key], rest)
  return copy
}

const FULL = deployment(`${BASE}
logging: {level: warn}
tracing: {ring: 5, otlp: "http://c:4318", record: {directory: ./r}}
monitoring: {probes: nobody}
code: {maxBytes: 1g}
`)

test('a change of any one value is found, and of nothing else', () => {
  const all = [...leaves(FULL)]
  assert.ok(all.length > 60)
  for (const path of all) {
    const difference = deploymentDifference(FULL, withOther(FULL, path) as Deployment)
    const isName = path.length === 3 && path[2] === 'name'
    assert.equal(
      difference.length,
      isName ? 2 : 1,
      `${path.join('.')}: ${difference.map(changeText).join('; ')}`,
    )
  }
})

const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 })
const edits = fc.record({
  masters: names,
  workers: names,
  drivers: names,
  cores: fc.integer({ min: 1, max: 3 }),
  timeout: fc.constantFrom('60s', '70s'),
})
type Edit = typeof edits extends fc.Arbitrary<infer T> ? T : never

const written = ({ masters, workers, drivers, cores, timeout }: Edit): Deployment =>
  deployment(`
recovery: {mode: REDIS, redis: "redis://a"}
masters: [${masters.map((name) => `{name: m${name}, port: 0, web: 0}`).join(', ')}]
workers: [${workers.map((name) => `{name: w${name}, web: 0, cores: ${cores}}`).join(', ')}]
scheduling: {workerTimeout: ${timeout}}
submissions: [${drivers.map((name) => `{name: ${name}, main: ./${cores}.js}`).join(', ')}]
`)

/** The names that a list has after these changes. */
function follow(
  list: string,
  before: readonly { readonly name: string }[],
  changes: readonly Change[],
): string[] {
  const now = new Set(before.map(({ name }) => name))
  for (const { change, key } of changes.filter((each) => each.key.startsWith(`${list}.`))) {
    const name = key.slice(list.length + 1)
    if (change === 'added') now.add(name)
    if (change === 'removed') now.delete(name)
  }
  return [...now].toSorted()
}

test('property: a file has no difference to itself, and whoever follows a difference has the nodes and drivers of the new file', () => {
  fc.assert(
    fc.property(edits, edits, (one, other) => {
      const [before, after] = [written(one), written(other)]
      assert.deepEqual(deploymentDifference(before, written(one)), [])
      const changes = deploymentDifference(before, after)
      for (const list of ['masters', 'workers', 'submissions'] as const)
        assert.deepEqual(follow(list, before[list], changes), after[list].map(({ name }) => name).toSorted())
      const kept = new Set([...before.masters, ...before.workers].map(({ name }) => name))
      const there = new Set([...after.masters, ...after.workers].map(({ name }) => name))
      for (const { step, nodes } of changes.filter(
        (each) => each.step === 'restart' || each.step === 'together',
      ))
        for (const node of nodes) assert.ok(kept.has(node) && there.has(node), `${step} ${node}`)
      // The way back has as many changes: what was added is removed, and the other way round.
      const back = deploymentDifference(after, before)
      const mirrored = { added: 'removed', removed: 'added', changed: 'changed' } as const
      const described = (list: readonly Change[], of: (change: Change['change']) => string): string[] =>
        list.map(({ change, key }) => `${of(change)} ${key}`).toSorted()
      assert.deepEqual(
        described(back, (change) => mirrored[change]),
        described(changes, (change) => change),
      )
    }),
    { numRuns: 200 },
  )
})
