import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MasterStateResponse } from '../../actors/messages/status.js'
import type { ProcessEntry } from '../../runtime/process/process-table.js'
import { growing, growthBounds, type Sample } from '../soak/growth.js'
import { type JobState, Ledger, type LedgerView, type Run } from '../soak/ledger.js'
import { orphansOf } from '../soak/orphans.js'
import { compareState, overcommitted } from '../soak/state-check.js'

/*
 * What `npm run soak` calls a violation: each judge must be able to find one, and none where there is none.
 */

const run = (driverId: string, process = '1/gone'): Run => ({ driverId, generation: 1, process })

function view(
  states: Record<string, JobState['state']>,
  runs: Record<string, readonly Run[]>,
  alive: readonly string[] = [],
): LedgerView {
  return {
    states: new Map(Object.entries(states).map(([id, state]) => [id, { state, message: '' }])),
    runs: new Map(Object.entries(runs)),
    isAlive: ({ process }) => alive.includes(process),
  }
}

function ledgerWith(kind: 'short' | 'long', change: (ledger: Ledger) => void = () => undefined): Ledger {
  const ledger = new Ledger()
  ledger.sent('a', kind)
  ledger.acknowledge('a', 'd1')
  change(ledger)
  return ledger
}

const kinds = (ledger: Ledger, at: LedgerView): string[] => ledger.judge(at).map(({ kind }) => kind)

test('a short driver that was acknowledged has run once and is FINISHED', () => {
  const good = view({ d1: 'FINISHED' }, { a: [run('d1')] })
  const ledger = ledgerWith('short')
  assert.deepEqual(kinds(ledger, good), [])
  assert.equal(ledger.acknowledged, 1)
  // Later the leader may forget it, but it must not run again.
  assert.deepEqual(kinds(ledger, view({}, { a: [run('d1')] })), [])
  assert.deepEqual(kinds(ledger, view({}, { a: [run('d1'), run('d1')] })), ['submissionsDoubled'])

  assert.deepEqual(kinds(ledgerWith('short'), view({}, {})), ['submissionsLost'])
  assert.deepEqual(kinds(ledgerWith('short'), view({ d1: 'FINISHED' }, {})), ['submissionsLost'])
  assert.deepEqual(kinds(ledgerWith('short'), view({ d1: 'SUBMITTED' }, {})), ['notWell'])
  assert.deepEqual(kinds(ledgerWith('short'), view({ d1: 'KILLED' }, {})), ['endsUnexplained'])
})

test('a second id for one key is a second driver, whenever it was heard', () => {
  const good = view({ d1: 'FINISHED' }, { a: [run('d1')] })
  const open = ledgerWith('short', (ledger) => ledger.acknowledge('a', 'd2'))
  assert.deepEqual(kinds(open, good), ['submissionsDoubled'])
  const settled = ledgerWith('short')
  assert.deepEqual(kinds(settled, good), [])
  settled.acknowledge('a', 'd1')
  assert.deepEqual(kinds(settled, good), [])
  settled.acknowledge('a', 'd2')
  assert.deepEqual(kinds(settled, good), ['submissionsDoubled'])
})

test('an end that nobody asked for needs the end of a Worker', () => {
  const ended = view({ d1: 'ERROR' }, {})
  assert.deepEqual(kinds(ledgerWith('long'), ended), ['endsUnexplained'])
  assert.deepEqual(
    kinds(
      ledgerWith('long', (ledger) => ledger.workerEnded()),
      ended,
    ),
    [],
  )
  assert.deepEqual(kinds(ledgerWith('long'), view({ d1: 'FINISHED' }, { a: [run('d1')] })), [
    'endsUnexplained',
  ])
  assert.deepEqual(kinds(ledgerWith('long'), view({ d1: 'RUNNING' }, { a: [run('d1')] })), [])
})

test('an acknowledged kill ends its driver for good', () => {
  const killed = (ledger: Ledger): void => {
    ledger.killAsked('a')
    ledger.killAcknowledged('a')
  }
  const runs = { a: [run('d1', '7/1')] }
  assert.deepEqual(kinds(ledgerWith('long', killed), view({ d1: 'KILLED' }, runs)), [])
  assert.deepEqual(kinds(ledgerWith('long', killed), view({ d1: 'RUNNING' }, runs)), ['killsLost'])
  assert.deepEqual(kinds(ledgerWith('long', killed), view({ d1: 'KILLED' }, runs, ['7/1'])), ['killsLost'])
  const asked = ledgerWith('long', (ledger) => ledger.killAsked('a'))
  assert.deepEqual(asked.unheardKills, ['a'])
  assert.deepEqual(kinds(asked, view({ d1: 'KILLED' }, runs)), [], 'it may have been heard')
})

test('who waits knows what is still to come', () => {
  const ledger = ledgerWith('long')
  ledger.sent('b', 'short')
  assert.deepEqual([ledger.unacknowledged, ledger.running, ledger.ending], [['b'], ['a'], ['b']])
  assert.equal(ledger.isQuiet(view({ d1: 'RUNNING' }, {})), false)
  ledger.acknowledge('b', 'd2')
  assert.equal(ledger.isQuiet(view({ d1: 'RUNNING', d2: 'RUNNING' }, {})), false)
  assert.equal(ledger.isQuiet(view({ d1: 'RUNNING', d2: 'FINISHED' }, {})), true)
  ledger.killAsked('a')
  assert.equal(ledger.isQuiet(view({ d1: 'RUNNING', d2: 'FINISHED' }, {})), false)
})

const report = { id: 'w', cores: 4, coresused: 3, memory: 1000, memoryused: 300 }

function clusterState(change: { coresUsed?: number; driverOn?: string; state?: 'ALIVE' | 'DEAD' } = {}) {
  const { coresUsed = 3, driverOn = 'w', state = 'ALIVE' } = change
  return {
    workers: [{ id: 'w', state, coresUsed, memoryMibUsed: 300 }],
    activeDrivers: [
      { worker: driverOn, description: { cores: 1, memoryMib: 100 } },
      { worker: null, description: { cores: 9, memoryMib: 900 } },
    ],
    activeApps: [{ executors: [{ workerId: 'w', cores: 2, memoryMib: 200 }] }],
  } as unknown as MasterStateResponse
}

test('cluster state is exact where the Worker, the leader and the sum of what runs agree', () => {
  assert.deepEqual(compareState(clusterState(), [report]), [])
  assert.equal(compareState(clusterState(), [{ ...report, coresused: 2 }]).length, 1)
  assert.equal(compareState(clusterState({ coresUsed: 2 }), [report]).length, 1)
  assert.equal(compareState(clusterState({ driverOn: 'x' }), [report]).length, 1)
  assert.equal(compareState(clusterState({ state: 'DEAD' }), [report]).length, 1, 'a Worker is missing')
  assert.equal(compareState(clusterState(), []).length, 1, 'one that is not there')
  assert.deepEqual(overcommitted(report), [])
  assert.equal(overcommitted({ ...report, coresused: 5 }).length, 1)
  assert.equal(overcommitted({ ...report, memoryused: -1 }).length, 1)
})

test('growth is what is left after warm-up, beyond what a heap breathes', () => {
  const samples = (of: (index: number) => Partial<Sample>): Sample[] =>
    Array.from({ length: 30 }, (_, index) => ({ rssMib: 100, descriptors: 40, ...of(index) }))
  const found = (of: (index: number) => Partial<Sample>) => growing([{ name: 'm1', samples: samples(of) }])
  assert.deepEqual(
    found(() => ({})),
    [],
  )
  assert.deepEqual(
    found((index) => ({ rssMib: index < 3 ? 50 : 200 })),
    [],
    'code is compiled',
  )
  assert.deepEqual(
    found((index) => ({ rssMib: index === 29 ? 900 : 100 })),
    [],
    'one breath',
  )
  assert.equal(found((index) => ({ rssMib: 100 + 10 * index })).length, 1)
  assert.equal(found((index) => ({ descriptors: 40 + 2 * index })).length, 1)
  const short = samples((index) => ({ rssMib: 100 * index })).slice(0, growthBounds.leastSamples - 1)
  assert.deepEqual(growing([{ name: 'm1', samples: short }]), [])
})

test('an orphan was seen below a launcher, runs, and is below none', () => {
  const entry = (pid: number, parentPid: number, state = 'S'): [number, ProcessEntry] => [
    pid,
    { pid, parentPid, groupId: pid, sessionId: pid, state, startTime: `t${pid}` },
  ]
  const table = new Map([entry(10, 1), entry(11, 10), entry(12, 11), entry(13, 1), entry(14, 1, 'Z')])
  const seen = [11, 12, 13, 14, 15].map((pid) => ({ pid, startTime: `t${pid}` }))
  assert.deepEqual(orphansOf(seen, new Set([10]), table), [13])
  assert.deepEqual(orphansOf(seen, new Set([99]), table), [11, 12, 13])
  assert.deepEqual(orphansOf([{ pid: 13, startTime: 'another' }], new Set([10]), table), [])
})
