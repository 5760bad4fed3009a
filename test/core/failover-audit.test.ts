import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MasterClient } from '../../actors/client/master-client.js'
import type { RequestTrace, TraceChunk } from '../../actors/messages/trace.js'
import type { TraceRecord } from '../../runtime/trace/record.js'
import { WorkerAudit } from '../tools/load/worker-audit.js'
import { fixture, type Note, note } from '../tools/system-fixture.js'
import { recordOf } from '../tools/trace-fixture.js'

/* How the failover measurement and the soak learn what a Worker did with an order of a deposed leader. */

const order = (id: number, epoch: number, peer: string, parts: Partial<TraceRecord> = {}) =>
  recordOf({ id, epoch, peer, direction: 'in', ...parts })

/** A Worker that answers one question after the other with these; it notes from where each was asked. */
function auditOf(...answers: TraceRecord[][]) {
  const asked: number[] = []
  const client = {
    linkWorker: async () => 'w1',
    ask: async (_: string, { afterCursor }: RequestTrace): Promise<TraceChunk> => {
      asked.push(afterCursor ?? 0)
      const entries = answers.shift() ?? []
      return { type: 'TraceChunk', entries, next: entries.at(-1)?.id ?? 0, more: false, dropped: 0, nowMs: 0 }
    },
  } as unknown as MasterClient
  return { audit: new WorkerAudit(client, () => ['firesteel://127.0.0.1:1']), asked }
}

test('a late order that the Worker had not come to is asked for again, and nothing that came after it counts', async () => {
  const late = order(3, 1, 'a')
  const { audit, asked } = auditOf(
    [order(1, 1, 'a'), order(2, 2, 'b'), late],
    [order(1, 1, 'a'), order(2, 2, 'b'), { ...late, refused: true }, order(4, 1, 'a')],
  )
  await audit.look()
  assert.deepEqual([audit.accepted, audit.refused, audit.missed], [0, 1, 0])
  assert.deepEqual(asked, [0, 0])
})

test('a late order that the Worker acted on counts, whatever it answered; the next look goes on behind it', async () => {
  const taken = [order(1, 2, 'b'), order(2, 1, 'a')]
  const { audit, asked } = auditOf(taken, taken, [order(3, 1, 'a', { refused: true })])
  await audit.look()
  assert.deepEqual([audit.accepted, audit.refused], [1, 0])
  await audit.look()
  assert.deepEqual([audit.accepted, audit.refused], [1, 1])
  assert.deepEqual(asked, [0, 0, 2])
})

test('an actor marks what it refuses in the ring, with no link to anybody', async () => {
  const { system, ring, idle } = fixture()
  const actor = system.spawn<Note>('Worker', (context) => ({
    receive: ({ text }, envelope) => {
      if (text === 'late') context.refuse(envelope)
    },
  }))
  system.tell(actor, note('late'))
  system.tell(actor, note('current'))
  await idle()
  assert.deepEqual(
    ring.snapshot().map(({ refused }) => refused),
    [true, undefined],
  )
  await system.shutdown()
})
