import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LaunchFailures, type Standing } from '../../actors/master/launch-failures.js'
import type { LaunchFailure } from '../../actors/messages/launch-failures.js'
import { masterConfig } from '../tools/master-fixture.js'

/* Back-off and exclusion of a Worker by an application or driver, on virtual time. */

const start: LaunchFailure = {
  kind: 'start',
  code: 'FIRESTEEL_FOLDER_MISSING',
  place: '/x',
  message: 'no /x',
}
const capacity: LaunchFailure = { kind: 'room', message: 'needs 2 cores' }

const fail = (
  core: LaunchFailures,
  nowMs: number,
  launchedAtMs: number | undefined,
  failure: LaunchFailure = start,
) => core.failed({ subject: 'app', workerId: 'w1', launchedAtMs, failure }, nowMs)

test('the wait doubles from 1 s to 60 s, and the third failure in a row excludes for 300 s', () => {
  const core = new LaunchFailures(masterConfig)
  const seen: [number, boolean][] = []
  let nowMs = 0
  for (let round = 0; round < 9; round++) {
    const { notBeforeMs, excludedUntilMs } = fail(core, nowMs, nowMs)
    seen.push([notBeforeMs - nowMs, excludedUntilMs === nowMs + 300_000])
    nowMs = notBeforeMs
  }
  assert.deepEqual(seen, [
    [1000, false],
    [2000, false],
    [4000, true],
    [8000, true],
    [16_000, true],
    [32_000, true],
    [60_000, true],
    [60_000, true],
    [60_000, true],
  ])
})

test('what was launched together and fails together is one failure', () => {
  const core = new LaunchFailures(masterConfig)
  for (let executor = 0; executor < 16; executor++) fail(core, 100 + executor, 0)
  assert.equal(core.get('app', 'w1')?.rounds, 1)
  assert.equal(core.get('app', 'w1')?.notBeforeMs, 1115)
  fail(core, 1300, 1200)
  // Of the first round still.
  fail(core, 1400, 0)
  assert.equal(core.get('app', 'w1')?.rounds, 2)
  fail(core, 9000, undefined)
  assert.equal(core.get('app', 'w1')?.rounds, 2, 'launched by a former leader, so before these failures')
})

for (const [failures, atMs, standing] of [
  [0, 0, 'fresh'],
  [1, 999, 'resting'],
  [1, 1000, 'due'],
  [3, 3999, 'excluded'],
  [3, 4000, 'retry'],
  [3, 299_999, 'retry'],
  [3, 300_000, 'due'],
] as const satisfies readonly (readonly [number, number, Standing])[]) {
  test(`after ${failures} failures the Worker is ${standing} at ${atMs} ms`, () => {
    const core = new LaunchFailures(masterConfig)
    for (let n = failures - 1; n >= 0; n--) fail(core, -n * 1e-3, -n * 1e-3)
    assert.equal(core.standing('app', 'w1', atMs), standing)
    assert.equal(core.standing('other', 'w1', atMs), 'fresh')
    assert.equal(core.standing('app', 'w2', atMs), 'fresh')
  })
}

test('after its exclusion the next failure excludes it again', () => {
  const core = new LaunchFailures(masterConfig)
  for (const nowMs of [0, 1000, 3000]) fail(core, nowMs, nowMs)
  assert.equal(core.standing('app', 'w1', 303_000), 'due')
  fail(core, 303_001, 303_000)
  assert.equal(core.standing('app', 'w1', 303_002), 'excluded')
})

test('want of room is waited for and never excludes', () => {
  const core = new LaunchFailures(masterConfig)
  let nowMs = 0
  for (let n = 0; n < 20; n++) nowMs = fail(core, nowMs, nowMs, capacity).notBeforeMs
  assert.equal(core.standing('app', 'w1', nowMs - 1), 'resting')
  assert.equal(core.standing('app', 'w1', nowMs), 'due')
})

test('a timer that fires a little early is the truth: first of the back-off, then of the exclusion', () => {
  const core = new LaunchFailures(masterConfig)
  for (const nowMs of [0, 1000, 3000]) fail(core, nowMs, nowMs)
  assert.equal(core.due('app', 'w1', 6999.5), 296_000.5)
  assert.equal(core.standing('app', 'w1', 6999.5), 'retry')
  assert.equal(core.due('app', 'w1', 302_999.5), undefined)
  assert.equal(core.standing('app', 'w1', 302_999.5), 'due')
  assert.equal(core.due('other', 'w1', 0), undefined)
})

test('a start that succeeded, the end of the application and the end of the Worker are forgotten', () => {
  const core = new LaunchFailures(masterConfig)
  fail(core, 0, 0)
  assert.equal(core.forget('app', 'w1'), true)
  assert.equal(core.forget('app', 'w1'), false)
  assert.equal(core.has('app'), false)
  fail(core, 0, 0)
  core.failed({ subject: 'driver', workerId: 'w1', launchedAtMs: 0, failure: start }, 0)
  core.failed({ subject: 'app', workerId: 'w2', launchedAtMs: 0, failure: start }, 5)
  assert.deepEqual(
    core.of('app').map(({ workerId }) => workerId),
    ['w2', 'w1'],
  )
  assert.deepEqual(core.forgetWorker('w1'), ['app', 'driver'])
  assert.equal(core.has('driver'), false)
  assert.deepEqual(core.forgetSubject('app'), ['w2'])
  assert.equal(core.has('app'), false)
})
