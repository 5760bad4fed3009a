import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selectionOf } from '../../runtime/launch/cli/trace-options.js'
import type { TracedMessage } from '../../runtime/trace/merged-trace.js'
import { isShown, selected } from '../../runtime/trace/trace-selection.js'
import { traceTrees } from '../../runtime/trace/trace-tree.js'
import { pathOf } from '../tools/trace-fixture.js'

const client = pathOf('client-1:0', 'ClientEndpoint')
const m1 = pathOf('a:1')
const m2 = pathOf('b:2')
const agent = pathOf('b:2', 'LeaderElectionAgent')
const worker = pathOf('w:3', 'Worker')
const driverId = 'driver-20260102030405-1-0007'

function messageOf(parts: Partial<TracedMessage> & Pick<TracedMessage, 'id' | 'message'>): TracedMessage {
  return {
    ...{ atMs: Date.UTC(2026, 0, 2) + parts.id, from: m1, to: worker, epoch: 1, trace: parts.id },
    ...{ parent: undefined, bytes: undefined, tookUs: undefined },
    ...parts,
  }
}

/** A driver waits under one leader and is launched by the next one, beside other things. */
const failover: readonly TracedMessage[] = [
  messageOf({
    ...{ id: 1, message: 'RequestSubmitDriver', from: client, to: m1 },
    payload: { key: 'k', description: { name: 'etl' } },
  }),
  messageOf({
    ...{ id: 2, trace: 1, parent: 1, message: 'SubmitDriverResponse', from: m1, to: client },
    payload: { driverId, key: 'k' },
  }),
  messageOf({ id: 3, message: 'Heartbeat', from: worker, to: m1, payload: { workerId: 'etl' } }),
  messageOf({ id: 4, message: 'ElectedLeader', from: agent, to: m2 }),
  messageOf({ id: 5, trace: 4, parent: 4, message: 'MasterChanged', from: m2, to: client }),
  messageOf({ id: 6, trace: 4, parent: 4, message: 'MasterChanged', from: m2, to: worker }),
  messageOf({ id: 7, trace: 4, parent: 6, message: 'WorkerSchedulerStateResponse', from: worker, to: m2 }),
  messageOf({
    ...{ id: 8, trace: 4, parent: 7, message: 'LaunchDriver', from: m2, to: worker },
    payload: { driverId, description: { name: 'etl' } },
  }),
  messageOf({
    ...{ id: 9, trace: 4, parent: 8, message: 'ProcessStarted', from: worker, to: worker },
    payload: { process: `${driverId}/1/1` },
  }),
  messageOf({
    ...{ id: 10, trace: 4, parent: 9, message: 'DriverStateChanged', from: worker, to: m2 },
    payload: { driverId: `${driverId}` },
  }),
  messageOf({
    ...{ id: 11, message: 'LaunchDriver', from: m2, to: worker },
    payload: { driverId: `${driverId}8`, description: { name: 'etl2', main: '/jobs/etl' } },
  }),
  messageOf({
    ...{ id: 12, message: 'RegisterApplication', from: client, to: m2 },
    payload: { description: { name: 'etl' } },
  }),
]

const idsOf = (messages: readonly TracedMessage[]) => messages.map(({ id }) => id)
const ofDriver = [1, 2, 4, 6, 7, 8, 9, 10]

test('a driver: what names it by id, the causes up to the election, and all effects', () => {
  assert.deepEqual(idsOf(selected(failover, { driver: driverId })), ofDriver.slice(0))
})

test('its name finds the same: the answer to the submission tells the id', () => {
  assert.deepEqual(idsOf(selected(failover, { driver: 'etl' })), ofDriver)
})

test('an application of the same name is another thing, and a name that nobody has finds nothing', () => {
  assert.deepEqual(idsOf(selected(failover, { app: 'etl' })), [12])
  assert.deepEqual(selected(failover, { driver: 'jobs' }), [])
})

test('questions about it are left out, with their answers, unless they led to something', () => {
  const asked = [
    ...failover,
    messageOf({ id: 13, message: 'RequestMasterState', from: client, to: m2, payload: { of: driverId } }),
    messageOf({
      ...{ id: 14, trace: 13, parent: 13, message: 'MasterStateResponse', from: m2, to: client },
      payload: { drivers: [{ id: driverId }] },
    }),
  ]
  assert.deepEqual(idsOf(selected(asked, selectionOf({ masterTimeout: 1, driver: driverId }))), ofDriver)
  const byName = selectionOf({ masterTimeout: 1, driver: driverId, message: ['RequestMasterState'] })
  assert.deepEqual(idsOf(selected(asked, byName)), [...ofDriver, 13, 14])
})

test('a trace by its id; a message must match all that is given', () => {
  assert.deepEqual(idsOf(selected(failover, { trace: 1 })), [1, 2])
  assert.deepEqual(idsOf(selected(failover, { trace: 4, driver: 'etl' })), [4, 6, 7, 8, 9, 10])
  assert.equal(selected(failover, {}), failover)
})

test('a tree per trace: each message below its cause, offsets, the sender once', () => {
  assert.equal(
    traceTrees(selected(failover, { driver: 'etl' })),
    [
      'trace 1  2026-01-02 00:00:00.001Z  2 messages in 1 ms',
      '    +0 ms  RequestSubmitDriver  ClientEndpoint@client-1:0 -> Master@a:1',
      '    +1 ms    SubmitDriverResponse  -> ClientEndpoint@client-1:0',
      '',
      'trace 4  2026-01-02 00:00:00.004Z  6 messages in 6 ms',
      '    +0 ms  ElectedLeader  LeaderElectionAgent@b:2 -> Master@b:2',
      '    +2 ms    MasterChanged  -> Worker@w:3',
      '    +3 ms      WorkerSchedulerStateResponse  -> Master@b:2',
      '    +4 ms        LaunchDriver  -> Worker@w:3',
      '    +5 ms          ProcessStarted',
      '    +6 ms            DriverStateChanged  -> Master@b:2',
      '',
    ].join('\n'),
  )
})

test('what is left out gives its place to its effects', () => {
  const text = traceTrees(failover, isShown({ toOthers: true, except: ['LaunchDriver'] }))
  assert.match(text, /^ {4}\+3 ms {6}WorkerSchedulerStateResponse/m)
  assert.match(text, /^ {4}\+6 ms {8}DriverStateChanged {2}Worker@w:3 -> Master@b:2$/m)
  assert.doesNotMatch(text, /ProcessStarted/)
})

test('an effect whose cause nobody remembers begins a tree of its trace', () => {
  const text = traceTrees(failover.slice(7, 10))
  assert.match(
    text,
    /^trace 4 .* 3 messages in 2 ms\n {4}\+0 ms {2}LaunchDriver {2}Master@b:2 -> Worker@w:3$/m,
  )
})

test('a chain of 20,000 messages and long names stay within 80 columns, and do not overflow the stack', () => {
  const chain = Array.from({ length: 20_000 }, (_, index) =>
    messageOf({
      ...{ id: index + 1, trace: 1, message: 'WorkerSchedulerStateResponse' },
      from: pathOf(`${'host'.repeat(10)}:7070`),
      ...(index > 0 && { parent: index }),
    }),
  )
  const lines = traceTrees(chain).split('\n')
  assert.equal(lines.length, chain.length + 2)
  assert.ok(lines.every((line) => line.length <= 80))
  assert.match(lines.at(-2)!, /^ +\+10\.0 s|^ +\+\d+\.\d s/)
  assert.match(lines.at(-2)!, /\(19999\) WorkerSchedulerStateResponse/)
})

test('what a peer wrote does not move the cursor', () => {
  const text = traceTrees([messageOf({ id: 1, message: 'Odd\u001b[2J\nforged' })])
  assert.equal(text.split('\n').length, 3)
  assert.match(text, /Odd\\u001b\[2J\\nforged/)
})
