import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestCluster } from '../../harness/index.js'
import { nameOf, restartTrials } from '../../restart/steps.js'
import { restartTrial, startMaster } from '../../restart/trial.js'

/* The short form of `npm run restart:steps`: one step for each end that the work may have. */

const tried: ReadonlySet<string> = new Set(['old:announced', 'old:outlives', 'next:claimed', 'guard:saved'])

let cluster: TestCluster
before(async () => {
  cluster = await startMaster()
})
after(() => cluster.stop())

const trials = restartTrials.filter((trial) => tried.has(nameOf(trial)))

test('the steps that are tried exist', () => assert.equal(trials.length, tried.size))

for (const trial of trials)
  test(`killed at ${nameOf(trial)}: the work is ${trial.fate}, once, and nothing is left`, async (t) => {
    const { ms, wrong } = await restartTrial(cluster, trial)
    assert.deepEqual(wrong, [])
    t.diagnostic(`${ms} ms`)
  })
