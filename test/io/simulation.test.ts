import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { mutations, tryMutation } from '../simulation/mutants.js'
import { parseCommandLine } from '../simulation/options.js'
import { scriptNamed, scripts } from '../simulation/scripts.js'
import { simulate } from '../simulation/simulation.js'
import { pathOf } from '../simulation/unit-tests.js'

test('the same seed is the same history, message by message', async () => {
  const options = { seed: 7, chaosMs: 10_000, tellsMessages: true }
  const [one, other] = [await simulate(options), await simulate(options)]
  assert.ok(one.events > 1000)
  assert.deepEqual(one.log, other.log)
})

test('another seed is another history', async () => {
  const [one, other] = [
    await simulate({ seed: 1, chaosMs: 2000 }),
    await simulate({ seed: 2, chaosMs: 2000 }),
  ]
  assert.notDeepEqual(one.log, other.log)
})

for (const script of scripts) {
  test(`${script.name}: ${script.says}`, async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { violation, log } = await simulate({ seed, chaosMs: 0, script })
      assert.equal(violation, undefined, log.slice(-40).join('\n'))
    }
  })
}

const dist = fileURLToPath(new URL('../..', import.meta.url))

test('each mutation finds its one line, and its script or unit test', async () => {
  for (const mutation of mutations) {
    const path = new URL(`../../${mutation.file}`, import.meta.url)
    const times = (await readFile(path, 'utf8')).split(mutation.find).length - 1
    assert.equal(times, 1, mutation.name)
    if (mutation.script !== undefined) scriptNamed(mutation.script)
    if (mutation.test !== undefined) await pathOf(dist, mutation.test)
  }
  assert.equal(new Set(mutations.map(({ name }) => name)).size, mutations.length)
})

test('a mutation is run in a copy of the build, and found', async () => {
  const mutation = mutations.find(({ name }) => name === 'nobody looks whether a leader is gone')!
  const { invariant, provesNothing, message } = await tryMutation(mutation, 1, 3)
  assert.deepEqual({ invariant, provesNothing }, { invariant: 'L2', provesNothing: false }, message)
})

test('a command line that cannot be understood says what, and how it is called', () => {
  for (const [args, says] of [
    [['--seed', 'x'], /--seed is x; it must be a whole number from 0/],
    [['--events', '1.5'], /--events is 1.5/],
    [['--faults', 'killLeader,rain'], /--faults has rain; it takes killLeader, /],
    [['--script', 'rain'], /--script: there is no "rain"/],
    [['--shape', '{'], /--shape \{/],
    [['--rain'], /rain/],
  ] as const)
    assert.throws(() => parseCommandLine(args, 1), says)
  const { seed, seeds, events } = parseCommandLine(['--seed', '7', '--events', '1e8'], 1)
  assert.deepEqual([seed, seeds, events], [7, Number.POSITIVE_INFINITY, 1e8])
  assert.equal(parseCommandLine(['--seed', '7'], 1).seeds, 1)
  assert.equal(parseCommandLine([], 1).events, 1e6)
})
