import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCommandLine } from '../../soak/options.js'
import { countViolations } from '../../soak/report.js'
import { soak } from '../../soak/soak.js'
import { violationKinds } from '../../soak/violations.js'

/* The short form of `npm run soak`: a few rounds of faults that are over soon, drawn from one seed. */

const skip = process.platform !== 'linux' && 'needs 127.0.3.1 and on, which only Linux has unasked'
const ROUNDS = 4

test('random faults on a real cluster: nothing is lost, doubled or forgotten, and all is well again', {
  skip,
}, async (t) => {
  const faults =
    'leader-killed,leader-terminated,worker-killed,leader-cut-from-store,leader-one-way,store-killed,lock-frozen'
  const options = parseCommandLine(['--rounds', String(ROUNDS), '--seed', '5', '--faults', faults], 0)
  const report = await soak(options, { say: (line) => t.diagnostic(line) })
  const [cluster] = report.clusters
  assert.equal(cluster?.rounds.length, ROUNDS)
  assert.ok(cluster.tasks > 100 && cluster.submissions > 10 && cluster.kills > 0, 'there was work under way')
  const counts = countViolations(report)
  for (const kind of violationKinds) assert.equal(counts[kind], 0, kind)
})
