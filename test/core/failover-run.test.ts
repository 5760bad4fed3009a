import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CaseRun } from '../failover/case-run.js'
import { short } from '../failover/options.js'
import { countKeys } from '../failover/report.js'
import type { Stage } from '../tools/load/stage.js'

/** A cluster whose work is over, and whose Workers have forgotten so many messages. */
function stageOf(missed: number): Stage {
  const totals = { given: 5, lost: 0, twice: 0, followedDeposed: 0, repeated: [] }
  const sent = { longestMs: 1, acknowledged: 2, lost: 0, doubled: 0, failed: [] }
  const service = { generation: 1, state: 'RUNNING', description: { supervise: true } }
  return {
    flow: { drain: async () => totals },
    submissions: { counts: async () => sent, effects: async () => new Map() },
    workers: { look: async () => {}, accepted: 0, refused: 0, missed },
    flowEffects: async () => new Map(),
    beats: async () => [],
    client: { request: async () => ({ activeDrivers: [service] }) },
  } as unknown as Stage
}

async function counted(missed: number): Promise<string[]> {
  const options = { ...short, seed: 1, isSecure: false, json: false, strict: false }
  const run = new CaseRun(stageOf(missed), 'kill', options, Math.random, () => {})
  const counts = await run.counts()
  return countKeys.filter((key) => counts[key] !== 0).map((key) => `${key} ${counts[key]}`)
}

test('what Workers had forgotten before they were asked is a count that must be 0', async () => {
  assert.deepEqual(await counted(0), [])
  assert.deepEqual(await counted(7), ['ordersUnseen 7'])
})
