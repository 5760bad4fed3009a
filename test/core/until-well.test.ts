import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MasterStateResponse } from '../../actors/messages/status.js'
import { FiresteelError } from '../../runtime/errors.js'
import { LOOK_MS, untilWithout } from '../../runtime/launch/cli/restart-worker.js'

/* The wait between two steps of an upgrade, on virtual time. */

/** A cluster that has a problem in these spans of time. */
async function waited(problemsAtMs: readonly (readonly [from: number, to: number])[], minReadyMs?: number) {
  let nowMs = 0
  const state = {} as MasterStateResponse
  const problem = () => problemsAtMs.some(([from, to]) => nowMs >= from && nowMs < to)
  const found = await untilWithout(
    () => (problem() ? ['w1 is silent'] : []),
    { request: async () => state as never },
    {
      timeoutMs: 5000,
      interrupted: new AbortController().signal,
      refuse: (text) => new FiresteelError('UPGRADE_STOPPED', text),
      ...(minReadyMs !== undefined && { minReadyMs }),
    },
    {
      nowMs: () => nowMs,
      pause: async (ms) => {
        nowMs += ms
      },
    },
  )
  assert.equal(found, state)
  return nowMs
}

test('a cluster that is well is waited for no longer than it must have been well', async () => {
  assert.equal(await waited([]), 0)
  assert.equal(await waited([], 1000), 1000)
  assert.equal(await waited([[0, 2000]]), 2000)
})

test('a problem within that time begins it anew', async () => {
  assert.equal(await waited([[700, 700 + LOOK_MS]], 1000), 1700 + LOOK_MS)
})

test('a cluster that does not become well, or does not stay so, is refused with its problems', async () => {
  const refused = { code: 'FIRESTEEL_UPGRADE_STOPPED', message: 'The cluster is not well: w1 is silent.' }
  await assert.rejects(waited([[0, 9000]]), refused)
  const comesAndGoes = Array.from({ length: 20 }, (_, n) => [n * 800, n * 800 + LOOK_MS] as const)
  await assert.rejects(waited(comesAndGoes, 1000), refused)
})
