import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { systemClock } from '../../runtime/clock.js'
import { limits } from '../../runtime/limits.js'
import type { Message } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import { Gateway, type LinkMessage } from '../../runtime/transport/gateway.js'
import type { Link } from '../../runtime/transport/link.js'
import { waitUntil } from '../harness/wait-until.js'
import { envelopeOf } from '../tools/trace-fixture.js'
import { linkPair, startHost } from '../tools/transport-support.js'

/* What a trace keeps alive: so many bytes of messages, and nothing of links that have ended. */

test('messages as large as a trace shows: the oldest are forgotten for their bytes, and told as dropped', () => {
  const ring = new TraceRing()
  const bytes = limits.tracePayloadBytes
  for (let number = 0; number < limits.traceRing; number++)
    ring.record(envelopeOf({ type: `T${number}`, bytes }), number)
  const kept = limits.traceRingBytes / bytes
  assert.ok(kept < limits.traceRing)
  assert.equal(ring.bytes, limits.traceRingBytes)
  const { entries, dropped } = ring.read({}, 0)
  assert.equal(entries[0]?.message, `T${limits.traceRing - kept}`)
  assert.equal(dropped, limits.traceRing - kept)
  assert.equal(ring.snapshot().length, kept)
  assert.equal(ring.snapshot().at(-1)?.message, `T${limits.traceRing - 1}`)
})

test('messages of usual size fill the ring by their number', () => {
  const ring = new TraceRing()
  for (let number = 0; number < 2 * limits.traceRing; number++)
    ring.record(envelopeOf({ bytes: 400 }), number)
  assert.equal(ring.snapshot().length, limits.traceRing)
  assert.equal(new TraceRing(2 * limits.traceRing).size, 2 * limits.traceRing)
})

test('property: it remembers the newest, within both bounds, and counts exactly what it remembers', () => {
  const size = 20
  const sizes = fc.array(fc.oneof(fc.nat(3000), fc.constant(undefined), fc.constant(9_000_000)), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(sizes, fc.nat(3), (all, laterEach) => {
      const ring = new TraceRing(size)
      for (const [number, bytes] of all.entries()) {
        const isLater = number % 4 === laterEach
        const envelope = envelopeOf({ type: `T${number}`, bytes: isLater ? undefined : bytes })
        ring.record(envelope, number)
        if (isLater) ring.sized(Object.assign(envelope, { bytes }))
      }
      const shown = ring.snapshot().map(({ message }) => message)
      const newest = all.map((_, number) => `T${number}`).slice(-shown.length || all.length)
      assert.deepEqual(shown, newest)
      assert.ok(shown.length <= size && (shown.length > 0 || all.length === 0))
      assert.ok(ring.bytes <= limits.traceRingBytes)
      const next = new TraceRing(size)
      for (let at = all.length - shown.length; at < all.length; at++)
        next.record(envelopeOf({ type: `T${at}`, bytes: all[at] }), at)
      assert.equal(ring.bytes, next.bytes)
    }),
  )
})

test('a link that has ended is let go, though a trace remembers what came over it', async () => {
  const ring = new TraceRing(10)
  const system = createSystem({ name: 'firesteel://test@m:1', clock: systemClock, epoch: () => 0, ring })
  const gateway = new Gateway<Message>({
    system,
    check: (message) => ({ message: message as Message }),
    remotePath: () => '/user/Peer',
  })
  const types: string[] = []
  gateway.serve(
    system.spawn<Message | LinkMessage>('Master', () => ({ receive: ({ type }) => void types.push(type) })),
  )
  const ended: WeakRef<Link>[] = []
  const host = await startHost({
    onLink: (link) => {
      ended.push(new WeakRef(link))
      gateway.attach(link)
    },
  })
  {
    const { link } = await linkPair({ ...host, links: host.links })
    link.send({
      from: '/user/Peer',
      to: '/user/Master',
      message: { type: 'Note' },
      id: 1,
      trace: 1,
      epoch: 0,
    })
    await waitUntil('the message', () => types.includes('Note'))
    link.close()
    await waitUntil('the end of the link', () => types.includes('LinkDown'))
  }
  host.links.length = 0
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  await waitUntil('the link to be collected', () => {
    collect()
    return ended[0]?.deref() === undefined
  })
  assert.ok(ring.snapshot().some(({ message }) => message === 'Note'))
  await host.close()
  await system.shutdown()
})
