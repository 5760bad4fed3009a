import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MasterClient } from '../../actors/client/master-client.js'
import type { RequestRestartWorker, RestartWorkerResponse } from '../../actors/messages/worker-restart.js'
import { restartWorker } from '../../runtime/launch/cli/restart-worker.js'

/* Which restarts count as the one that somebody asks for, on virtual time (protocol 8.6). */

/** What a leader answers, one after the other, and what it was asked with. */
async function asked(answers: readonly (readonly [RestartWorkerResponse['state'], count: number])[]) {
  const left = [...answers]
  const sinces: (number | undefined)[] = []
  const request = async ({ since }: RequestRestartWorker): Promise<RestartWorkerResponse> => {
    sinces.push(since)
    const [state, count] = left.shift()!
    const type = 'RestartWorkerResponse'
    return { type, workerId: 'w1-1', name: 'w1', state, count, executors: 0, drivers: 0 }
  }
  let nowMs = 0
  const restarted = await restartWorker(
    { request } as unknown as MasterClient,
    'w1',
    { timeoutMs: 60_000, interrupted: new AbortController().signal },
    {
      nowMs: () => nowMs,
      pause: async (ms) => {
        nowMs += ms
      },
      newRequest: () => 'r1',
    },
  )
  assert.deepEqual([restarted.state, left], ['RESTARTED', []])
  return sinces
}

test('whoever asks counts from the first answer ASKED', async () => {
  const answers = [
    ['ASKED', 4],
    ['ASKED', 4],
    ['RESTARTING', 4],
    ['RESTARTED', 5],
  ] as const
  assert.deepEqual(await asked(answers), [undefined, 4, 4, 4])
})

test('a restart that was under way before does not count', async () => {
  const answers = [
    ['RESTARTING', 4],
    ['RESTARTING', 4],
    ['ASKED', 5],
    ['RESTARTING', 5],
    ['RESTARTED', 6],
  ] as const
  assert.deepEqual(await asked(answers), [undefined, undefined, undefined, 5, 5])
})
