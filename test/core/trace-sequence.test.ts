import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAboutApplication, isAboutDriver } from '../../actors/master/committed.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { Message } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import type { TracedMessage } from '../../runtime/trace/merged-trace.js'
import { relatedMessages } from '../../runtime/trace/related-messages.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import { drawable, sequenceSvg } from '../../runtime/trace/sequence-svg.js'
import { pathOf } from '../tools/trace-fixture.js'
import { VirtualTime } from '../tools/virtual-time.js'

const master = pathOf('a:1')
const worker = pathOf('w:3', 'Worker')

const messageOf = (id: number, parts: Partial<TracedMessage> = {}): TracedMessage => ({
  ...{ atMs: Date.UTC(2026, 0, 2) + id, id, trace: id, parent: undefined, from: master, to: worker },
  ...{ message: 'LaunchDriver', epoch: 2, bytes: 10, tookUs: 5 },
  ...parts,
})

/** Each tag that is opened is closed, in order; throws otherwise. */
function checkMarkup(svg: string): void {
  const open: string[] = []
  for (const [, close, name, selfClosing] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (selfClosing) continue
    if (close) assert.equal(open.pop(), name)
    else open.push(name!)
  }
  assert.deepEqual(open, [])
}

test('each actor is a column in the order of its first message, each message a row with its time', () => {
  const svg = sequenceSvg(
    [
      messageOf(1, { to: '/store', message: 'Committed' }),
      messageOf(8, {}),
      messageOf(9, { from: worker, to: master, message: 'DriverStateChanged', epoch: 0 }),
      messageOf(12_009, { from: master, to: master, message: 'Timer', epoch: 0, refused: true }),
    ],
    { title: 'etl' },
  )
  checkMarkup(svg)
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text)
  assert.deepEqual(texts, [
    ...['Master', 'a:1', 'store', 'Worker', 'w:3'],
    ...['+0 ms', 'Committed (epoch 2)', '+7 ms', 'LaunchDriver (epoch 2)', '+8 ms', 'DriverStateChanged'],
    ...['+12.0 s', 'Timer'],
  ])
  assert.match(svg, /<svg [^>]*role="img" aria-label="etl"/)
  assert.match(svg, /class="sequence-message refused"/)
})

test('a page may show it: it has no style and no script of its own; a file brings both colours', () => {
  const page = sequenceSvg([messageOf(1)], { title: 'x' })
  assert.doesNotMatch(page, /style|script|\son[a-z]+=|url\(|href/)
  const file = sequenceSvg([messageOf(1)], { title: 'x', isFile: true })
  assert.match(file, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" .*prefers-color-scheme:dark/s)
})

test('whatever stands in a path, a type or a title is text', () => {
  const evil = `"><script>alert(1)</script><g x='\u202e`
  const svg = sequenceSvg([messageOf(1, { from: pathOf('a:1', evil), to: `/${evil}`, message: evil })], {
    title: evil,
  })
  checkMarkup(svg)
  assert.doesNotMatch(svg, /<script|\u202e/)
  assert.match(svg, /&lt;script&gt;/)
})

test('messages and actors are bounded, and what has no room is counted', () => {
  const many = Array.from({ length: innerLimits.sequenceMessages + 3 }, (_, index) => messageOf(index))
  assert.equal(drawable(many).length, innerLimits.sequenceMessages)
  assert.match(sequenceSvg(many, { title: 'x' }), />3 more messages without room here</)
  const crowd = Array.from({ length: innerLimits.sequenceActors + 5 }, (_, index) =>
    messageOf(index, { to: pathOf(`w:${index}`, 'Worker') }),
  )
  assert.equal(drawable(crowd).length, innerLimits.sequenceActors - 1)
  const long = messageOf(1, { message: 'x'.repeat(10_000), from: pathOf('a:1', 'y'.repeat(3000)) })
  assert.ok(sequenceSvg([long], { title: 'x' }).length < 20_000)
  checkMarkup(sequenceSvg([], { title: 'nothing' }))
})

test('what is about a driver is found in a ring with its causes and effects, and nothing else', async () => {
  const time = new VirtualTime()
  const ring = new TraceRing(100)
  const system = createSystem({ name: 'x', clock: time, timers: time, epoch: () => 1, ring, firstId: 1 })
  type Note = { readonly type: string; readonly driverId?: string }
  const other = system.spawn<Note>('other', () => ({ receive: () => {} }))
  const actor = system.spawn<Note>('a', (context) => ({
    receive: ({ type }) => {
      if (type === 'Beat') return
      context.note('/store', { type: 'Committed', writes: ['driver d-1'] } as Message)
      context.tell(other, { type: 'Launch', driverId: 'd-1' })
      context.tell(other, { type: 'Aside', driverId: 'd-12' })
    },
  }))
  system.tell(actor, { type: 'Beat' })
  system.tell(actor, { type: 'Submit' })
  await system.idle()
  const found = relatedMessages(ring, (message) => isAboutDriver(message, 'd-1'), { most: 99 })
  assert.deepEqual(
    found.map(({ message, parent }) => [message, parent]),
    [
      ['Submit', undefined],
      ['Committed', 2],
      ['Launch', 2],
    ],
  )
  const first = relatedMessages(ring, (message) => isAboutDriver(message, 'd-1'), { most: 1, toOthers: true })
  assert.deepEqual(
    first.map(({ message }) => message),
    ['Submit'],
  )
})

test('a message or a commit is about a driver or an application by its id, also at its end', () => {
  const commit = (...writes: string[]) => ({ type: 'Committed', writes })
  for (const [is, key, table] of [
    [isAboutDriver, 'driverId', 'driver'],
    [isAboutApplication, 'appId', 'app'],
  ] as const) {
    assert.equal(is({ [key]: 'x-1' }, 'x-1'), true)
    assert.equal(is({ [key]: 'x-12' }, 'x-1'), false)
    assert.equal(is(commit('worker w1', `${table} x-1`), 'x-1'), true)
    assert.equal(is(commit('ended x-1'), 'x-1'), true)
    assert.equal(is(commit(`${table} x-12`, 'worker x-1'), 'x-1'), false)
    assert.equal(is({ type: 'Heartbeat' }, 'x-1'), false)
  }
})
