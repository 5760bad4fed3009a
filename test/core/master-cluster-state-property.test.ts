import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ClusterStateLife, type LifeEvent } from './master-cluster-state-life.js'

/*
 * S4 over a life: Workers come, go silent and come back, drivers and applications are submitted, end and are
 * killed, messages are lost with their links. After each event the cluster state is taken apart; at the end
 * they must agree with the processes.
 */

const amounts = fc.dictionary(fc.constant('gpu'), fc.integer({ min: 1, max: 2 }), { maxKeys: 1 })
const event: fc.Arbitrary<LifeEvent> = fc.oneof(
  fc.record({
    kind: fc.constant('worker' as const),
    n: fc.nat(3),
    cores: fc.integer({ min: 1, max: 6 }),
    memoryMib: fc.integer({ min: 1, max: 8 }).map((n) => n * 128),
    gpus: fc.nat(3),
  }),
  fc.record({
    kind: fc.constant('submit' as const),
    cores: fc.integer({ min: 1, max: 3 }),
    memoryMib: fc.integer({ min: 1, max: 400 }),
    resources: amounts,
    supervise: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('app' as const),
    maxCores: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
    cores: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    memoryMib: fc.integer({ min: 1, max: 300 }),
    resources: amounts,
  }),
  fc.record({ kind: fc.constant('request' as const), app: fc.nat(4), total: fc.nat(5) }),
  fc.record({ kind: fc.constant('killOne' as const), app: fc.nat(4), which: fc.nat(5) }),
  fc.record({ kind: fc.constant('unregister' as const), app: fc.nat(4) }),
  fc.record({ kind: fc.constant('killDriver' as const), which: fc.nat(5) }),
  ...[0, 1, 2].map(() => fc.record({ kind: fc.constant('read' as const), n: fc.nat(3) })),
  fc.record({ kind: fc.constant('end' as const), n: fc.nat(3), which: fc.nat(5), failed: fc.boolean() }),
  fc.record({ kind: fc.constant('cut' as const), n: fc.nat(3) }),
  fc.record({ kind: fc.constant('back' as const), n: fc.nat(3) }),
  fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(100, 3000, 20_000, 65_000) }),
)

test('S4 and work conservation over random lives of a cluster; healed, cluster state and processes agree', () => {
  let launches = 0
  fc.assert(
    fc.property(
      fc.array(event, { minLength: 10, maxLength: 80, size: 'max' }),
      fc.boolean(),
      (events, spreadOut) => {
        const life = new ClusterStateLife(spreadOut)
        for (const one of events) {
          life.happen(one)
          life.audit()
        }
        life.heal()
        life.audit()
        life.agree()
        launches += life.started
      },
    ),
    { numRuns: 150 },
  )
  assert.ok(launches > 240, `the lives are too tame: ${launches} processes started`)
})
