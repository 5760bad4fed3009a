import { Buffer } from 'node:buffer'
import { driverDescription, workerOffer } from '../../actors/messages/samples.js'
import { EnvelopeBatch } from '../../runtime/transport/envelope-batch.js'
import { encodeFrame, frameKind } from '../../runtime/transport/frame.js'

/* Frames as a cluster sends them. Mutations start from these. */

const description = {
  ...driverDescription,
  args: ['--all', 'ü'],
  resources: { gpu: 1 },
  supervise: true,
  env: { A: 'b' },
}

export const messages: readonly { readonly type: string; readonly [key: string]: unknown }[] = [
  { type: 'Heartbeat', workerId: 'w1-00', sentAtMs: 12.5 },
  {
    type: 'RegisterWorker',
    id: 'w1-00',
    ...workerOffer,
    resources: { gpu: ['0', '1'] },
    labels: { zone: 'a' },
  },
  { type: 'RequestSubmitDriver', key: 'key-1', description },
  {
    type: 'WorkerLatestState',
    id: 'w1-00',
    executors: [],
    drivers: [
      {
        driverId: 'driver-20260101000000-1-0001',
        generation: 1,
        attempt: 1,
        state: 'RUNNING',
        resources: { gpu: ['0'] },
        description,
        launchedAt: { epoch: 3, seq: 40 },
      },
    ],
  },
  {
    type: 'DriverStateChanged',
    workerId: 'w1-00',
    change: 4,
    driverId: 'driver-20260101000000-1-0001',
    generation: 1,
    attempt: 1,
    state: 'FINISHED',
    exitCode: 0,
  },
  { type: 'RequestMasterState' },
  { type: 'RequestExecutors', appId: 'app-1', request: 1, total: 4 },
  { type: 'StaleEpoch', epoch: 4, owner: 'm2-11', seq: 1 },
]

export const envelopes = messages.map((message, id) => ({
  from: '/user/Worker',
  to: '/user/Master',
  message,
  id: id + 1,
  trace: id + 1,
  epoch: 3,
  seq: 40 + id,
  ...(message.type.startsWith('Request') && { ask: `ask-${id}`, askMs: 10_000 }),
}))

function batchOf(all: readonly object[]): Buffer {
  const batch = new EnvelopeBatch()
  for (const envelope of all) batch.add(envelope)
  return Buffer.concat(batch.take())
}

const watch = {
  from: '/system',
  to: '/system',
  message: { type: 'Watch', path: '/user/Master' },
  id: 9,
  trace: 9,
  epoch: 3,
}

export const provenFrames: readonly Buffer[] = [
  ...envelopes.map((envelope) => batchOf([envelope])),
  batchOf(envelopes.slice(0, 3)),
  batchOf([...envelopes.slice(4), watch]),
  batchOf([watch]),
  encodeFrame(frameKind.payload, Buffer.alloc(300, 'payload')),
  encodeFrame(frameKind.payload, Buffer.alloc(0)),
  encodeFrame(frameKind.ping, Buffer.alloc(0)),
  encodeFrame(frameKind.pong, Buffer.alloc(0)),
]

/**
 * On a socket these come in pieces of 64 KiB. They are rare, because one costs as much as a hundred others.
 */
export const largeFrames: readonly Buffer[] = [
  encodeFrame(frameKind.envelopes, Buffer.from(`[${JSON.stringify({ x: 'x'.repeat(200_000) })}]`)),
  encodeFrame(frameKind.payload, Buffer.alloc(66_560, 1)),
  encodeFrame(frameKind.envelopes, Buffer.from(`[x${',\n'.repeat(100_000)}]`)),
  encodeFrame(frameKind.envelopes, Buffer.from(`[${'0,'.repeat(100_000)}0]`)),
  encodeFrame(frameKind.envelopes, Buffer.from(`["\\u0041",${'[],'.repeat(70_000)}0]`)),
  encodeFrame(frameKind.envelopes, Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))),
  encodeFrame(frameKind.envelopes, Buffer.from(`[${'{"a":1},\n'.repeat(20_000)}{}]`)),
]

export const unprovenFrames: readonly Buffer[] = [
  encodeFrame(frameKind.handshake, Buffer.from('{"type":"hello","protocols":"1-1"}')),
  encodeFrame(frameKind.handshake, Buffer.alloc(1024, 32)),
  encodeFrame(frameKind.handshake, Buffer.alloc(0)),
]
