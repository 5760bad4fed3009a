import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeploymentRecord } from '../../actors/master/records.js'
import type {
  BeginDeployment,
  DeploymentResponse,
  HistoryResponse,
} from '../../actors/messages/deployments.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* Deployments (protocol 15): which apply may change something, and what the history keeps. */

const begin = (world: MasterWorld, from: string, more: Partial<BeginDeployment> = {}): number | string => {
  const answer = world.ask(from, {
    type: 'BeginDeployment',
    file: 'cluster.yaml',
    folder: '/srv',
    text: 'a',
    by: `${from}@host`,
    changes: [],
    after: 0,
    ...more,
  })
  if (answer?.type === 'DeploymentBegun') return answer.number
  return answer?.type === 'Failure' ? answer.code : 'nothing'
}

const end = (world: MasterWorld, from: string, number: number, state: 'APPLIED' | 'FAILED' = 'APPLIED') => {
  const answer = world.ask(from, { type: 'EndDeployment', number, state })
  return answer?.type === 'Failure' ? answer.code : answer?.type
}

function applied(): MasterWorld {
  const world = new MasterWorld().elect()
  for (const name of ['ann', 'bob']) world.link(name, 'client')
  return world
}

const history = (world: MasterWorld, from = 'ann'): string[] => {
  const { deployments } = world.ask(from, { type: 'RequestHistory' }) as HistoryResponse
  return deployments.map(({ number, state, by }) => `${number} ${state} ${by}`)
}

test('the first deployment keeps what ran before, and later ones count on', () => {
  const world = applied()
  const former = { file: 'cluster.yaml', folder: '/srv', text: 'before' }
  assert.equal(begin(world, 'ann', { former }), 2)
  assert.equal(end(world, 'ann', 2), 'DeploymentEnded')
  assert.equal(begin(world, 'bob', { text: 'b', after: 2, back: 1 }), 3)
  assert.deepEqual(history(world), ['1 APPLIED up', '2 APPLIED ann@host', '3 APPLYING bob@host'])
  const answer = world.ask('ann', { type: 'RequestDeployment', number: 1 }) as DeploymentResponse
  assert.deepEqual([answer.newest, answer.deployment?.text], [3, 'before'])
})

test('two at once: one wins, the other is told who applies', () => {
  const world = applied()
  assert.equal(begin(world, 'ann'), 1)
  assert.equal(begin(world, 'ann'), 1, 'it may ask again')
  assert.equal(begin(world, 'bob', { text: 'b' }), 'FIRESTEEL_APPLY_RUNS')
  assert.equal(begin(world, 'bob'), 'FIRESTEEL_APPLY_RUNS', 'with the same file too')
  assert.equal(end(world, 'bob', 1), 'FIRESTEEL_APPLY_OVERTAKEN')
  end(world, 'ann', 1)
  assert.equal(begin(world, 'bob', { text: 'b' }), 'FIRESTEEL_APPLY_OVERTAKEN', 'it compared with what was')
  assert.equal(begin(world, 'bob', { text: 'b', after: 1 }), 2)
})

test('an apply that was cut off goes on under its number, or another one takes its place', () => {
  const world = applied()
  begin(world, 'ann')
  world.unlink('ann')
  assert.equal(begin(world, 'bob'), 1, 'the same file')
  world.link('ann', 'client')
  assert.equal(end(world, 'ann', 1), 'FIRESTEEL_APPLY_OVERTAKEN')
  world.unlink('bob')
  assert.equal(begin(world, 'ann', { text: 'b', after: 1 }), 2)
  assert.deepEqual(history(world), ['1 INTERRUPTED bob@host', '2 APPLYING ann@host'])
})

test('a new leader knows all of it, and waits a while for the link of an apply that was at work', () => {
  const world = applied()
  begin(world, 'ann')
  world.failover().elect()
  world.link('bob', 'client')
  assert.equal(begin(world, 'bob', { text: 'b', after: 1 }), 'FIRESTEEL_BUSY')
  world.link('ann', 'client')
  assert.equal(begin(world, 'bob', { text: 'b', after: 1 }), 'FIRESTEEL_APPLY_RUNS')
  assert.equal(end(world, 'ann', 1), 'DeploymentEnded')
  assert.equal(end(world, 'ann', 1), 'DeploymentEnded', 'its answer may have been lost')
  world.failover().elect()
  world.link('bob', 'client')
  begin(world, 'bob', { text: 'b', after: 1 })
  world.failover().elect()
  world.link('ann', 'client')
  world.advance(limits.applyHolderGraceMs)
  assert.equal(begin(world, 'ann', { text: 'c', after: 2 }), 3)
})

test('a file that no record holds is refused, and the oldest deployments go', () => {
  const world = applied()
  const wide = '\u{1F600}'.repeat(limits.deploymentChars / 2)
  assert.equal(begin(world, 'ann', { text: wide }), 'FIRESTEEL_RECORD_TOO_LARGE')
  for (let number = 1; number <= limits.deploymentsKept + 3; number++) {
    assert.equal(begin(world, 'ann', { text: `${number}`, after: number - 1 }), number)
    end(world, 'ann', number)
  }
  assert.equal(history(world).length, limits.deploymentsKept)
  assert.equal(world.store.get('deployment')?.size, limits.deploymentsKept)
  world.failover().elect()
  world.link('ann', 'client')
  assert.match(history(world).at(-1)!, new RegExp(`^${limits.deploymentsKept + 3} `))
})

test('a store forgot the end of a deployment: it comes back, or the next one interrupts it', () => {
  const world = applied()
  begin(world, 'ann')
  const { holder: _, ...record } = world.store.get('deployment')!.get('1') as DeploymentRecord
  world.failover().elect()
  world.link('bob', 'client')
  const lost = (value: DeploymentRecord) => {
    world.input({ kind: 'lostWrites', records: [{ table: 'deployment', id: value.id, value }] })
    return world.lastStep!.puts.length
  }
  const at = { epoch: record.at!.epoch, seq: record.at!.seq + 5 }
  const ended = { ...record, state: 'APPLIED', endedAtMs: record.startedAtMs + 1, at } as const
  assert.equal(lost({ ...ended, startedAtMs: 1 }), 0, 'another one that had its number')
  assert.equal(lost({ ...ended, at: record.at }), 0, 'no later one')
  // What came after it is back first.
  assert.equal(lost({ ...ended, id: '2', number: 2, text: 'b' }), 1)
  assert.deepEqual(history(world, 'bob'), ['1 APPLYING ann@host', '2 APPLIED ann@host'])
  assert.equal(begin(world, 'bob', { text: 'c', after: 2 }), 3)
  assert.equal(history(world, 'bob')[0], '1 INTERRUPTED ann@host')
  const other = applied()
  begin(other, 'ann')
  other.failover().elect()
  other.link('bob', 'client')
  other.input({ kind: 'lostWrites', records: [{ table: 'deployment', id: '1', value: ended }] })
  assert.deepEqual(history(other, 'bob'), ['1 APPLIED ann@host'])
  assert.equal(begin(other, 'bob', { text: 'c', after: 1 }), 2, 'nobody waits for its holder')
})
