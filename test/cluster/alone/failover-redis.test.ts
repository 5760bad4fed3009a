import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureFailover } from '../../failover/measure.js'
import { short } from '../../failover/options.js'
import { countKeys } from '../../failover/report.js'

/*
 * The short form of `npm run failover`: counts are promises; times are of this machine and hour, and only
 * printed.
 */

for (const name of short.cases) {
  test(`${name} of the leader, with tasks, submissions and a supervised driver under way: nobody notices`, async (context) => {
    const report = await measureFailover({ ...short, cases: [name], seed: 1 }, (line) =>
      context.diagnostic(line),
    )
    const [measured] = report.cases
    assert.equal(measured?.rounds.length, short.rounds[name])
    assert.ok(measured.facts.tasks > 100 && measured.facts.submissions > 5, 'there was work under way')
    for (const key of countKeys) assert.equal(measured.counts[key], 0, key)
  })
}
