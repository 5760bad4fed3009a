import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeaderTracker } from '../../runtime/persistence/leader-tracker.js'

const handle = (tracker: LeaderTracker, epoch: number, owner: string, seq = 0) =>
  tracker.handled({ epoch, owner }, { epoch, seq })

test('the highest leadership is obeyed, and one owner of each epoch', () => {
  const tracker = new LeaderTracker()
  assert.equal(tracker.epoch, 0)
  const judged = [
    handle(tracker, 3, 'a'),
    handle(tracker, 3, 'a'),
    handle(tracker, 3, 'b'),
    handle(tracker, 2, 'b'),
    handle(tracker, 4, 'b'),
    handle(tracker, 3, 'a'),
  ]
  assert.deepEqual(judged, ['new', 'current', 'stale', 'stale', 'new', 'stale'])
  assert.deepEqual(tracker.leader, { epoch: 4, owner: 'b' })
})

test('the position that was seen is the newest of the leadership that is obeyed', () => {
  const tracker = new LeaderTracker()
  handle(tracker, 3, 'a', 70)
  handle(tracker, 3, 'a', 60)
  assert.deepEqual(tracker.seen, { epoch: 3, seq: 70 })
  handle(tracker, 3, 'b', 90)
  assert.deepEqual(tracker.seen, { epoch: 3, seq: 70 })
  handle(tracker, 4, 'b', 65)
  assert.deepEqual(tracker.seen, { epoch: 4, seq: 65 })
})

test('a look obeys nobody; who is followed or forgotten may have any epoch', () => {
  const tracker = new LeaderTracker()
  assert.equal(tracker.judge({ epoch: 5, owner: 'a' }), 'new')
  assert.equal(tracker.leader, undefined)
  tracker.follow({ epoch: 5, owner: 'a' })
  tracker.follow({ epoch: 4, owner: 'b' })
  assert.equal(tracker.judge({ epoch: 4, owner: 'b' }), 'current')
  assert.equal(tracker.seen, undefined)
  tracker.forget()
  assert.equal(handle(tracker, 1, 'c'), 'new')
})
