import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GuardLedger } from '../../runtime/process/guard-ledger.js'

const group = { pid: 4242, startTime: 't' }
const due = (ledger: GuardLedger, atMs: number): number[] => ledger.due(atMs).map(({ pid }) => pid)

test('a planned restart: groups live without their Worker until the announced time, and not longer', () => {
  const ledger = new GuardLedger()
  ledger.add(group)
  ledger.outlive(1000)
  ledger.orphan(100)
  assert.deepEqual(due(ledger, 999), [])
  assert.equal(ledger.nextDeadline(), 1000)
  assert.deepEqual(due(ledger, 1000), [4242])
})

test('a Worker process that stays after it has announced its restart keeps nothing alive either', () => {
  const ledger = new GuardLedger()
  ledger.add(group)
  ledger.outlive(1000)
  assert.deepEqual(due(ledger, 1000), [4242])
})

test('the next process takes over in time: then only its own end counts', () => {
  const ledger = new GuardLedger()
  ledger.add(group)
  ledger.outlive(1000)
  ledger.orphan(100)
  assert.equal(ledger.adopt(999), true)
  assert.deepEqual(due(ledger, 5000), [])
  assert.equal(ledger.isOrphaned, false)
  assert.equal(ledger.adopt(999), false, 'once')
  ledger.orphan(6000)
  assert.deepEqual(due(ledger, 6000), [4242], 'its end is an end like any other')
})

test('nothing is taken over too late, or without an announcement', () => {
  const late = new GuardLedger()
  late.add(group)
  late.outlive(1000)
  late.orphan(100)
  assert.equal(late.adopt(1000), false)
  const unannounced = new GuardLedger()
  unannounced.add(group)
  assert.equal(unannounced.adopt(0), false)
})

test('"valid until" holds in a planned restart too', () => {
  const ledger = new GuardLedger()
  ledger.add({ ...group, validUntilBootMs: 500 })
  ledger.outlive(1000)
  ledger.orphan(100)
  assert.deepEqual(due(ledger, 500), [4242])
})

test('a guard without groups waits for the next process until the announced time', () => {
  const ledger = new GuardLedger()
  assert.equal(ledger.isDone(0), false, 'its Worker is there')
  ledger.outlive(1000)
  ledger.orphan(100)
  assert.equal(ledger.isDone(999), false)
  assert.equal(ledger.nextDeadline(), 1000)
  assert.equal(ledger.isDone(1000), true)
  const ordinary = new GuardLedger()
  ordinary.orphan(100)
  assert.equal(ordinary.isDone(100), true)
})
