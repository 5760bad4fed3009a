import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../runtime/clock.js'
import { limits } from '../../runtime/limits.js'
import { NodeMetrics } from '../../runtime/metrics/node-metrics.js'
import { type Log, type LogFields, silentLog } from '../../runtime/observe/log.js'
import { ThrottledLog } from '../../runtime/observe/log-throttle.js'
import { logDeadLetters } from '../../runtime/system/dead-letters.js'
import type { Sink } from '../../runtime/system/envelope.js'
import type { Message } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import { refusalCodes } from '../../runtime/transport/handshake-message.js'
import { PeerComplaints } from '../../runtime/transport/peer-complaints.js'

type Line = readonly [string, string, LogFields | undefined]

function fixture() {
  const lines: Line[] = []
  const at =
    (level: string) =>
    (text: string, fields?: LogFields): void =>
      void lines.push([level, text, fields])
  const log: Log = { ...silentLog, warn: at('warn'), info: at('info'), isEnabled: () => true }
  let nowMs = 0
  const throttle = new ThrottledLog(log, () => nowMs)
  const system = createSystem({
    name: 'firesteel://c@h:1',
    clock: systemClock,
    epoch: () => 0,
    onDeadLetter: logDeadLetters(throttle),
  })
  const later = (): void => {
    nowMs += limits.logRepeatMs
    throttle.flush()
  }
  return { lines, system, throttle, later, close: () => throttle.close() }
}

test('a full mailbox: who, to whom, what; once, then how many more', () => {
  const { lines, system, later, close } = fixture()
  const full = system.spawn<Message>('Full', () => ({ receive: () => undefined }), {
    mailbox: { messages: 2, overflow: 'reject' },
  })
  const sender = system.spawn<Message>('Sender', () => ({ receive: () => undefined }))
  for (let n = 0; n < 10; n++) system.tell(full, { type: 'Note' }, sender)
  assert.deepEqual(lines, [
    [
      'warn',
      'a mailbox is full: a message was dropped',
      {
        reason: 'full',
        from: 'firesteel://c@h:1/user/Sender',
        to: 'firesteel://c@h:1/user/Full',
        type: 'Note',
      },
    ],
  ])
  later()
  assert.match(String(lines[1]?.[1]), /\(7 more\)$/)
  assert.equal(lines[1]?.[2]?.repeated, 7)
  close()
})

test('a peer that names a new receiver each time writes one line', () => {
  const { lines, system, close } = fixture()
  const sink: Sink = { path: 'firesteel://c@p:2', incarnation: 'peer-1', send: () => true }
  for (let n = 0; n < 100; n++) {
    const message = { type: 'Knock' }
    system.receive(sink, { from: '/user/Evil', to: `/user/Nobody${n}`, message, id: n, trace: n, epoch: 0 })
  }
  assert.equal(lines.length, 1)
  assert.deepEqual(
    [lines[0]?.[0], lines[0]?.[2]?.reason, lines[0]?.[2]?.peer, lines[0]?.[2]?.type],
    ['warn', 'unknown', 'peer-1', 'Knock'],
  )
  close()
})

test('a peer that takes a new incarnation each time writes one line of each kind', () => {
  const { lines, system, throttle, close } = fixture()
  const metrics = new NodeMetrics(refusalCodes)
  const complaints = new PeerComplaints(throttle, metrics)
  for (let n = 0; n < 100; n++) {
    const incarnation = `peer-${n}`
    const sink: Sink = { path: 'firesteel://c@p:2', incarnation, host: '10.0.0.9', send: () => true }
    const message = { type: 'Knock' }
    system.receive(sink, { from: '/user/Evil', to: '/user/Nobody', message, id: n, trace: n, epoch: 0 })
    const address = `10.0.0.9:${40_000 + n}`
    complaints.dropped({ incarnation, address }, `no type ${n}`)
    complaints.unreadable({ incarnation, address }, 'no envelope')
    complaints.turnedAway({ address, code: 'HANDSHAKE_FAILED', detail: 'too many' })
  }
  complaints.dropped({ incarnation: 'other-1', address: '[fe80::9]:7' }, 'no type')
  assert.deepEqual(
    lines.map(([, text]) => text),
    [
      'a message was not delivered',
      'a message was dropped',
      'a peer sent what cannot be read',
      'a connection was refused',
      'a message was dropped',
    ],
  )
  assert.deepEqual(
    [...metrics.dropped.entries],
    [
      ['not_admitted', 101],
      ['unreadable', 100],
    ],
  )
  assert.equal(metrics.refused.get('HANDSHAKE_FAILED'), 100)
  assert.equal(metrics.refused.total, 100)
  close()
})

test('envelopes to an actor that has stopped are no warning', async () => {
  const { lines, system, close } = fixture()
  const ended = system.spawn<Message>('Ended', () => ({ receive: () => undefined }))
  await system.stop(ended)
  system.tell(ended, { type: 'Note' })
  assert.deepEqual([lines[0]?.[0], lines[0]?.[2]?.reason], ['info', 'stopped'])
  close()
})
