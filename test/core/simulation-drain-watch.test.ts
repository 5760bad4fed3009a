import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Position } from '../../runtime/persistence/engine.js'
import { DrainWatch } from '../simulation/drain-watch.js'
import type { WatchedWorker } from '../simulation/sim-world.js'
import type { StoreModel } from '../simulation/store-model.js'
import type { WatchedWorld } from '../simulation/watched-world.js'
import { launchDriver } from '../tools/worker-fixture.js'

/* The check of drains in the simulator: what it finds, and what is no mistake. */

const DRAIN = 'w1@10.0.0.1'
const worker = {
  incarnation: 'w1-aaaa',
  place: { name: 'w1', machine: { host: '10.0.0.1' } },
} as WatchedWorker
const position = (epoch: number, seq: number): Position => ({ epoch, seq })

function watch() {
  const found: string[] = []
  const stored = new Map<string, string>()
  const model = { rows: () => stored } as unknown as StoreModel
  const drains = new DrainWatch({} as WatchedWorld, model, (rule, text) => found.push(`${rule}: ${text}`))
  return {
    found,
    drains,
    drained(at: Position, askedAtMs = 1000) {
      const json = JSON.stringify({ id: DRAIN, at, askedAtMs })
      drains.committed(at, { puts: [{ table: 'drain', id: DRAIN, json }], deletes: [] })
      return json
    },
    takenBack: (at: Position) => drains.committed(at, { puts: [], deletes: [{ table: 'drain', id: DRAIN }] }),
    fallsTo(json: string) {
      stored.set(DRAIN, json)
      drains.storeFell()
    },
    starts: (at: Position) => drains.obeyed(worker, at, launchDriver(1), [{ kind: 'startDriver' } as never]),
  }
}

const STARTED = 'drain: w1-aaaa started what LaunchDriver of 3:9 asks for, and is drained since 3:5'

test('a launch after a drain is found, one before it or after its end is none', () => {
  const { found, drained, takenBack, starts } = watch()
  drained(position(3, 5))
  starts(position(3, 5))
  assert.deepEqual(found, [])
  starts(position(3, 9))
  assert.deepEqual(found, [STARTED])
  takenBack(position(3, 10))
  starts(position(3, 10))
  assert.deepEqual(found, [STARTED])
})

test('a store that forgot the end of a drain: only what is launched after its fall is found', () => {
  const { found, drained, takenBack, fallsTo, starts } = watch()
  const json = drained(position(3, 5))
  takenBack(position(3, 8))
  fallsTo(json)
  // It left before the store fell, and comes later.
  starts(position(3, 8))
  assert.deepEqual(found, [])
  starts(position(3, 9))
  assert.deepEqual(found, [STARTED])
})

test('a store that fell and holds the drain as before: every launch after the drain is found', () => {
  const { found, drained, fallsTo, starts } = watch()
  fallsTo(drained(position(3, 5)))
  starts(position(3, 9))
  assert.deepEqual(found, [STARTED])
})
