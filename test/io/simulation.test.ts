import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { mutations, tryMutation } from '../simulation/mutants.js'
import { parseCommandLine } from '../simulation/options.js'
import { scriptNamed, scripts } from '../simulation/scripts.js'
import { HistoryThread } from '../simulation/thread.js'
import { pathOf } from '../simulation/unit-tests.js'

/** Of each script. `npm run sim -- --script NAME --seeds N` plays more. */
const SEEDS = 5

const thread = new HistoryThread()
after(() => thread.close())

test('the same seed is the same history, message by message', async () => {
  const options = { seed: 7, chaosMs: 10_000, tellsMessages: true }
  const [one, other] = [await thread.play(options), await thread.play(options)]
  assert.ok(one.events > 1000)
  assert.deepEqual(one.log, other.log)
})

test('another seed is another history', async () => {
  const one = await thread.play({ seed: 1, chaosMs: 2000 })
  const other = await thread.play({ seed: 2, chaosMs: 2000 })
  assert.notDeepEqual(one.log, other.log)
})

for (const { name, says } of scripts) {
  test(`${name}: ${says}`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { events, violation, log } = await thread.play({ seed, chaosMs: 0, script: name })
      assert.equal(violation, undefined, log.slice(-40).join('\n'))
      assert.ok(events > 0)
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
