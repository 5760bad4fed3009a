import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WorkerPlan } from '../../runtime/launch/config/deployment.js'
import { newRights } from '../../runtime/launch/config/worker-rights.js'

/* What an apply may not lift: whom the work of a Worker runs as, and what it may use. */

const worker = (name: string, parts: object = {}): WorkerPlan =>
  ({ name, cores: 1, runAs: null, codeRoots: [], allowEnv: [], ...parts }) as unknown as WorkerPlan
const held = worker('w1', { runAs: 'jobs' })
const refused = (before: WorkerPlan[], after: WorkerPlan[]): string[] =>
  newRights({ workers: before }, { workers: after }).map(({ key }) => key)

test('the rights of a Worker stay, whatever else changes', () => {
  assert.deepEqual(refused([held], [worker('w1', { runAs: 'jobs', cores: 9 })]), [])
  assert.deepEqual(refused([held], [worker('w1')]), ['workers.w1.rights'])
  assert.deepEqual(refused([held], [worker('w1', { runAs: 'jobs', allowEnv: ['A'] })]), ['workers.w1.rights'])
})

test('a new Worker has the rights of one that there is', () => {
  assert.deepEqual(refused([held], [held, worker('w2', { runAs: 'jobs' })]), [])
  assert.deepEqual(refused([held], [held, worker('w2')]), ['workers.w2.rights'])
  assert.deepEqual(refused([], [worker('w2')]), [], 'there was none to compare with')
})
