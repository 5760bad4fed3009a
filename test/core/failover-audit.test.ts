import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MasterClient } from '../../actors/client/master-client.js'
import type { RequestTrace, TraceChunk } from '../../actors/messages/trace.js'
import { ownFormats } from '../../runtime/persistence/store-format.js'
import type { TraceRecord } from '../../runtime/trace/record.js'
import { DeposedWatch } from '../soak/deposed-watch.js'
import { auditStore } from '../tools/load/store-audit.js'
import { WorkerAudit } from '../tools/load/worker-audit.js'
import { fixture, type Note, note } from '../tools/system-fixture.js'
import { recordOf } from '../tools/trace-fixture.js'

/* How the failover measurement and the soak learn what a Worker did with an order of a deposed leader. */

const order = (id: number, epoch: number, peer: string, parts: Partial<TraceRecord> = {}) =>
  recordOf({ id, epoch, peer, direction: 'in', ...parts })

type Answer = Pick<TraceChunk, 'entries'> & Partial<TraceChunk>

const chunkOf = ({ entries, ...parts }: Answer): TraceChunk => ({
  ...{ type: 'TraceChunk', entries, next: entries.at(-1)?.id ?? 1, more: false, dropped: 0, nowMs: 0 },
  ...parts,
})

/** A Worker that answers one question after the other with these; it notes from where each was asked. */
function auditOf(...answers: (TraceRecord[] | Answer)[]) {
  const asked: number[] = []
  const client = {
    linkWorker: async () => 'w1',
    ask: async (_: string, { afterCursor }: RequestTrace): Promise<TraceChunk> => {
      asked.push(afterCursor ?? 0)
      const answer = answers.shift() ?? []
      return chunkOf(Array.isArray(answer) ? { entries: answer } : answer)
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

test('what a Worker had forgotten before it was asked is missed; who keeps no trace has shown nothing', async () => {
  const { audit } = auditOf({ entries: [order(8, 1, 'a')], dropped: 7 }, { entries: [], next: 9, dropped: 0 })
  await audit.look()
  await audit.look()
  assert.deepEqual([audit.accepted, audit.missed], [0, 7])
  const silent = auditOf({ entries: [], next: 0 })
  await assert.rejects(silent.audit.look(), /^Error: the Worker at firesteel:\/\/127.0.0.1:1 keeps no trace$/)
})

/** A store with one record of epoch 1, whose leader is another one each time that it is asked, so often. */
function storeOf(changes: number): Parameters<typeof auditStore>[0] {
  let asked = 0
  const cli = async (command: string, key: string): Promise<string> => {
    if (command === 'HVALS') return key.endsWith(':driver') ? '{"at":{"epoch":1,"seq":9}}\n' : ''
    const fields = {
      ...{ epoch: 3 + Math.min(asked++, changes), seq: 1, owner: 'b', address: '', lock: '', mark: 'm' },
      ...{ base: '1:4', cluster: 'demo', key: 'k', touched: 0, left: 0, format: ownFormats.max },
    }
    return Object.entries(fields).flat().join('\n')
  }
  return { cli }
}

test('the store is read again until its leader is the same before and after', async () => {
  assert.equal(await auditStore(storeOf(0), 'demo'), 1)
  assert.equal(await auditStore(storeOf(3), 'demo'), 1)
  await assert.rejects(
    auditStore(storeOf(1000), 'demo'),
    /^Error: the leader was another one after each of 10 reads of the store$/,
  )
})

test('a round of the soak fails for orders that were taken, and for those that nobody can see any more', async () => {
  const taken = [order(1, 2, 'b'), order(2, 1, 'a')]
  const { audit } = auditOf(taken, taken, [], { entries: [order(40, 2, 'b')], dropped: 7 }, [])
  const watch = new DeposedWatch(audit)
  assert.deepEqual(await watch.look(), [
    { kind: 'deposedEffects', text: 'Workers took 1 orders of deposed leaders' },
  ])
  assert.deepEqual(await watch.look(), [])
  const text = 'Workers had forgotten 7 messages before they were asked what they obeyed'
  assert.deepEqual(await watch.look(), [{ kind: 'ordersUnseen', text }])
  assert.deepEqual(await watch.look(), [])
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
