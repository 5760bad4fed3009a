import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ownDescriptionsOf, timedAssertionsOf, virtualClocksOf } from './test-rules.js'

const files = new Map(
  readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.startsWith('core/test-rules'))
    .map((path) => [path, readFileSync(join('test', path), 'utf8')] as const),
)

test('one class stands in for the time; only the simulator has its own, whose processes freeze and whose clocks drift', () => {
  assert.deepEqual(virtualClocksOf(files), ['simulation/place.ts Place', 'tools/virtual-time.ts VirtualTime'])
})

test('descriptions of applications, drivers and Workers are spread from actors/messages/samples.ts', () => {
  // Recorded formats must not follow the samples.
  const others = ownDescriptionsOf(files).filter((path) => !path.startsWith('fixtures/'))
  assert.deepEqual(others, [])
})

/** No load of the machine can make these fail, or what they measure is what they are about. */
const permitted: Readonly<Record<string, string>> = {
  'io/election-redis.test.ts': 'a least time between two moments that the program itself notes',
  'io/process-guard.test.ts': 'a least time: a busy machine only makes it longer',
  'cluster/worker-restart.test.ts': 'a least time: a busy machine only makes it longer',
  'io/trace-answer.test.ts': 'an answer has a time between its question and now, however long that is',
}

test('no assertion compares elapsed wall-clock time, but those that no load can make fail', () => {
  const suites = [...files].filter(([path]) => /^(?:core|io|cluster|conformance)\//.test(path))
  const found = suites.flatMap(([path, text]) => [...timedAssertionsOf(path, text)])
  assert.deepEqual(
    found.filter((assertion) => !Object.hasOwn(permitted, assertion.split(': ')[0]!)),
    [],
  )
  const idle = Object.keys(permitted).filter((path) => !found.some((found) => found.startsWith(path)))
  assert.deepEqual(idle, [], 'what is permitted is needed')
})

const assertions: readonly (readonly [name: string, code: string, isTimed: boolean])[] = [
  ['a difference', 'assert.ok(performance.now() - began < 5000)', true],
  ['a name', 'const tookMs = performance.now() - began\nassert.ok(tookMs < 1000)', true],
  ['a property', 'said.push({ atMs: performance.now() })\nassert.ok(one.atMs - other.atMs < 1)', true],
  ['over lines', 'const began = Date.now()\nassert.ok(\n  Date.now() - began >\n 7 ,\n)', true],
  ['a counter', 'const began = Date.now()\nassert.ok(threads < 100)', false],
  ['virtual time', 'assert.ok(time.monotonicMs() < 1000)', false],
  ['a wait', 'await waitUntil("it", () => performance.now() > untilMs)\nassert.equal(now, epoch)', false],
]
for (const [name, code, isTimed] of assertions)
  test(`${isTimed ? 'timed' : 'not timed'}: ${name}`, () => {
    assert.equal([...timedAssertionsOf('a.test.ts', code)].length, isTimed ? 1 : 0)
  })

test('a second clock and a description of its own are found', () => {
  const made = new Map([
    [
      'io/a.test.ts',
      'export class Time implements Clock {}\nconst job = {\n  env: {},\n  nodeOptions: [],\n}',
    ],
    ['io/b.test.ts', 'class Other {}\nconst w = {\n  labels: {},\n  web: null,\n}'],
  ])
  assert.deepEqual(virtualClocksOf(made), ['io/a.test.ts Time'])
  assert.deepEqual(ownDescriptionsOf(made), ['io/a.test.ts', 'io/b.test.ts'])
})
