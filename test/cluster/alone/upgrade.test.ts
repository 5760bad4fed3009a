import assert from 'node:assert/strict'
import { test } from 'node:test'
import { currentRelease } from '../../fixtures/releases.js'
import { upgradeTrial } from '../../upgrade/trial.js'

/* The short form of `npm run upgrade:trial`: nodes of two builds, there and back, under load. */

test('a rolling upgrade and the way back: nothing is lost, run again or restarted', async (t) => {
  const options = { masters: 2, workers: 2, drivers: 4, tasks: 4, submissions: 50, rounds: 1 }
  const report = await upgradeTrial(options, { say: (line) => t.diagnostic(line) })
  assert.deepEqual(report.wrong, [])
  assert.deepEqual(
    report.steps.map(({ from, to }) => `${from} ${to}`),
    [...Array(4).fill(`${currentRelease} 99.0.1`), ...Array(4).fill(`99.0.1 ${currentRelease}`)],
  )
  assert.deepEqual(
    report.steps.slice(2, 4).map(({ node }) => node),
    ['w1', 'w2'],
    'Workers come last',
  )
  assert.ok(report.tasks > 100 && report.submissions > 20, 'there was work under way')
  assert.equal(report.handOversMs.length, 2, 'one there and one back')
  t.diagnostic(`longest time without a result: ${report.longestTaskGapMs} ms`)
})
