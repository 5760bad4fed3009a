import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordViolations } from '../../actors/master/records.js'
import { violation } from '../../actors/messages/catalogue.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { firstPuts } from '../fixtures/record-samples.js'

const submission = (more: object): object => ({
  type: 'RequestSubmitDriver',
  key: 'k',
  description: { ...driverDescription, ...more },
})

/** A list that counts how often somebody looks at one of its items. */
function watched(length: number, item: unknown): { readonly list: unknown[]; looks: () => number } {
  let looks = 0
  const list = new Proxy(new Array(length).fill(item), {
    get(target, key, receiver) {
      if (typeof key === 'string' && /^\d+$/.test(key)) looks++
      return Reflect.get(target, key, receiver) as unknown
    },
  })
  return { list, looks: () => looks }
}

for (const [name, item] of [
  ['of the wrong type', 7],
  ['too long', 'x'.repeat(limits.argumentChars + 1)],
] as const) {
  test(`a list of items ${name} is checked up to the first of them`, () => {
    const { list, looks } = watched(9000, item)
    const reason = violation('master', submission({ args: list }))
    assert.match(reason ?? '', /^RequestSubmitDriver: description\.args\.0: /)
    // Once for its nesting; the check itself stops.
    assert.ok(looks() <= 9000 + 2, `${looks()} looks`)
  })
}

test('names, counts and addresses that break their rule end the check of their list as well', () => {
  const lists: [string, (list: unknown[]) => object, unknown][] = [
    ['counts', (execIds) => ({ type: 'KillExecutors', appId: 'a', request: 1, execIds }), -1],
    ['names', (list) => ({ ...submission({}), description: { ...driverDescription, nodeOptions: list } }), 5],
  ]
  for (const [name, messageOf, item] of lists) {
    const { list, looks } = watched(50, item)
    assert.ok(violation('master', messageOf(list)) !== undefined, name)
    assert.ok(looks() <= 50 + 2, `${name}: ${looks()} looks`)
  }
})

test('an object with too many keys is refused before its keys are checked', () => {
  const env = Object.fromEntries(Array.from({ length: limits.messageKeys + 1 }, (_, n) => [`K${n}`, 'v']))
  assert.equal(violation('master', submission({ env })), 'RequestSubmitDriver: over 1024 keys')
  const { K0: _, ...fewer } = env
  assert.equal(violation('master', submission({ env: fewer })), undefined)
})

test('a reason is short, whatever a peer wrote', () => {
  const reason = violation('master', submission({ env: { ['x'.repeat(100_000)]: 1 } }))
  assert.ok(reason !== undefined && reason.length <= 500, reason?.slice(0, 80))
})

test('an object under `length`, which cannot be compared with a number, is refused and throws nothing', () => {
  for (const odd of [
    { length: { toString: 'x' } },
    { length: { length: {} } },
    [{ length: { valueOf: 1, toString: 1 } }],
  ]) {
    for (const field of ['name', 'args', 'env', 'memoryMib']) {
      assert.match(violation('master', submission({ [field]: odd })) ?? '', /under `length`/, field)
    }
  }
  assert.equal(violation('master', submission({ env: { length: 'long' } })), undefined)
})

test('a field of a later release that is such a length stays as it is, in a record that can be read', () => {
  for (const { table, json } of firstPuts) {
    const record = JSON.parse(json) as { description?: object }
    const strange = { length: { toString: 'x' }, more: [{ length: { length: [] } }] }
    const description = record.description && { ...record.description, ...strange }
    const later = { ...record, ...strange, ...(description && { description }) }
    const before = structuredClone(later)
    assert.equal(recordViolations[table](later), undefined, table)
    assert.deepEqual(later, before, table)
  }
})

test('a stored record with such a length is unreadable, and the others are read', () => {
  for (const [table, unreadable] of Object.entries(recordViolations)) {
    const odd = { id: { length: { toString: 'x' } }, kind: 'driver' }
    assert.notEqual(unreadable(odd), undefined, table)
    assert.deepEqual(odd, { id: { length: { toString: 'x' } }, kind: 'driver' }, 'a check changes nothing')
  }
})

test('a time that no Date holds is refused, in records and in traces: whoever shows it would throw', () => {
  for (const { table, json } of firstPuts) {
    for (const field of ['submittedAtMs', 'endedAtMs']) {
      const record = JSON.parse(json) as Record<string, unknown>
      if (!(field in record)) continue
      for (const time of [1e300, 8.7e15, -1])
        assert.match(
          recordViolations[table]({ ...record, [field]: time }) ?? '',
          new RegExp(`^${field}: `),
          table,
        )
    }
  }
  const chunk = { type: 'TraceChunk', entries: [], next: 0, more: false, dropped: 0 }
  assert.equal(violation('master', { ...chunk, nowMs: 1_800_000_000_000 }), undefined)
  assert.match(violation('master', { ...chunk, nowMs: 1e300 }) ?? '', /nowMs/)
})
