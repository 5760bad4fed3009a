import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { mutations, tryMutation } from '../simulation/mutants.js'
import { parseCommandLine } from '../simulation/options.js'
import { unplantable } from '../simulation/planting.js'
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

test('each mutation finds its line, and names nothing that is not there', async () => {
  const refused = await unplantable(dist, mutations)
  assert.deepEqual(
    [...refused].map(([{ name }, why]) => `${name}: ${why}`),
    [],
  )
})

test('a mutation that names what is not there is refused, and one whose line is not there', async () => {
  const [file, find] = ['actors/executor/shared-ring.js', '+ skipped + capacity > this.#data.length']
  const as = (name: string, replace: string) => ({ name, file, find, replace })
  const [side, line] = ['actors/executor/thread-side.js', 'this.#waiting.set(position, claimed.running);']
  const call = 'this.#waiting.set(position, new RunningTask(position));'
  const unequipped = { name: 'a call that lacks something', file: side, find: line, replace: call }
  const refused = await unplantable(dist, [
    as('another variable', '+ room > this.#data.length'),
    as('another member', '+ capacity > this.room'),
    as('another private member', '+ capacity > this.#mask'),
    unequipped,
    as('nothing but the mistake', '+ capacity > this.#data.length'),
  ])
  assert.deepEqual(
    [...refused].map(([{ name }, why]) => [name, why]),
    [
      ['another variable', `${file}: TS2304: Cannot find name 'room'.`],
      ['another member', `${file}: TS2339: Property 'room' does not exist on type 'SharedRing'.`],
      ['a call that lacks something', `${side}: TS2554: Expected 5 arguments, but got 1.`],
    ],
  )
  const half = await unplantable(dist, [as('no program', '+ (')])
  assert.match([...half.values()].join(), /: TS1109: /)
  const lost = { ...as('a line of before', '0'), find: 'this.#room' }
  await assert.rejects(unplantable(dist, [lost]), /a line of before: "this.#room" stands 0 times in /)
})

test('each mutation has its script or unit test', async () => {
  for (const mutation of mutations) {
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
