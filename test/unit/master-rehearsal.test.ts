import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordViolations } from '../../actors/master/records.js'
import { rehearse } from '../../actors/master/rehearsal.js'
import { masterConfig } from './master-fixture.js'

test('a rehearsal goes through, and checks records that are good ones', (t) => {
  const seen: (string | undefined)[] = []
  for (const table of ['worker', 'app', 'driver', 'ended', 'key'] as const) {
    const check = recordViolations[table]
    t.mock.method(recordViolations, table, (value: unknown) => {
      const reason = check(value)
      seen.push(reason)
      return reason
    })
  }
  rehearse(masterConfig)
  assert.deepEqual(seen, [undefined, undefined, undefined, undefined, undefined])
})
