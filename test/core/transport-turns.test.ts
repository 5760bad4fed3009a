import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { limits } from '../../runtime/limits.js'
import { EnvelopeBatch } from '../../runtime/transport/envelope-batch.js'
import { encodeFrame, FrameDecoder, frameKind } from '../../runtime/transport/frame.js'
import { Intake, type IntakeSource } from '../../runtime/transport/intake.js'
import { Link } from '../../runtime/transport/link.js'
import { Inbox } from '../tools/transport-support.js'
import { VirtualTime } from '../tools/virtual-time.js'

/** As much of a socket as a link needs to be read from. */
class Wire extends EventEmitter {
  readonly writableLength = 0
  isPaused = true
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
  }
  setNoDelay(): void {}
  write(): boolean {
    return true
  }
  destroy(): void {}
  end(): void {}
  cork(): void {}
  uncork(): void {}
}

interface Visit {
  readonly items: number
  readonly bytes: number
}

/** The shipped intake; notes what each visit of the link and each turn took. */
class WatchedIntake extends Intake {
  readonly visits: Visit[] = []
  override offer(source: IntakeSource): boolean {
    return super.offer(this.#watched(source))
  }
  override later(source: IntakeSource): void {
    super.later(this.#watched(source))
  }
  readonly #known = new Map<IntakeSource, IntakeSource>()
  #watched(source: IntakeSource): IntakeSource {
    for (const watched of this.#known.values()) if (watched === source) return source
    const known = this.#known.get(source)
    if (known !== undefined) return known
    const watched: IntakeSource = {
      work: (turn) => {
        const before = { ...turn }
        const more = source.work(turn)
        this.visits.push({ items: before.items - turn.items, bytes: before.bytes - turn.bytes })
        return more
      },
    }
    this.#known.set(source, watched)
    return watched
  }
}

type Part =
  | { readonly kind: 'batch'; readonly texts: readonly string[] }
  | { readonly kind: 'pings'; readonly count: number }
  | { readonly kind: 'junk'; readonly body: string }

const small = fc.nat(300).map((size) => 'x'.repeat(size))
const part: fc.Arbitrary<Part> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      texts: fc.array(small, { minLength: 1, maxLength: 400 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      texts: fc.array(
        fc.integer({ min: 10_000, max: 400_000 }).map((size) => 'y'.repeat(size)),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pings' as const), count: fc.nat(3000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('junk' as const),
      body: fc.constantFrom(
        '[]',
        '[x]',
        `[${',\n'.repeat(50_000)}]`,
        `[${'0,'.repeat(100_000)}0]`,
        '['.repeat(90_000) + ']'.repeat(90_000),
      ),
    }),
  },
)

function bytesOf(each: Part): Buffer {
  if (each.kind === 'junk') return encodeFrame(frameKind.envelopes, Buffer.from(each.body))
  if (each.kind === 'pings') {
    return Buffer.concat(
      Array.from({ length: each.count }, () => encodeFrame(frameKind.ping, Buffer.alloc(0))),
    )
  }
  const batch = new EnvelopeBatch()
  for (const text of each.texts) batch.add({ text })
  return Buffer.concat(batch.take())
}

function linkOver(wire: Wire, intake: Intake): Link {
  const decoder = new FrameDecoder()
  decoder.open()
  const time = new VirtualTime()
  const peer = {
    role: 'node',
    incarnation: 'n',
    cluster: 'c',
    nodeMajor: 20,
    protocol: 1,
    address: 'a:1',
  } as const
  return new Link({
    socket: wire as unknown as Socket,
    decoder,
    peer,
    clock: time,
    timers: time,
    deadMs: 5000,
    intake,
  })
}

/** Those before the first junk, which ends the link. */
function expected(parts: readonly Part[]): readonly string[] {
  const end = parts.findIndex(({ kind }) => kind === 'junk')
  return (end === -1 ? parts : parts.slice(0, end)).flatMap((each) =>
    each.kind === 'batch' ? each.texts : [],
  )
}

test('no visit of a link and no turn takes more than is stated, and nothing is lost before the first junk', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 20, max: 90_000 }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(40), { minLength: 1, maxLength: 6 }),
      (parts, cuts, capacities) => {
        let due: (() => void) | undefined
        const intake = new WatchedIntake((run) => {
          due = run
        })
        const wire = new Wire()
        const link = linkOver(wire, intake)
        const inbox = new Inbox()
        let asked = 0
        // Now and then none, never for ever.
        let left = 0
        let over = 0
        inbox.capacity = () => {
          left = [...capacities, 1][asked++ % (capacities.length + 1)] as number
          return left
        }
        const take = inbox.envelope.bind(inbox)
        inbox.envelope = (raw) => {
          if (left-- <= 0) over++
          take(raw)
        }
        link.setReceiver(inbox)
        return new Promise<void>((resolve) => process.nextTick(resolve)).then(() => {
          const all = Buffer.concat(parts.map(bytesOf))
          let from = 0
          const turn = (): void => {
            intake.visits.length = 0
            const run = due
            due = undefined
            run?.()
            judge()
          }
          const judge = (): void => {
            const largest = limits.nodeMessageBytes
            for (const { items, bytes } of intake.visits) {
              assert.ok(items <= limits.linkShareItems, `${items} items in a visit`)
              assert.ok(bytes < limits.linkShareBytes + largest, `${bytes} bytes in a visit`)
            }
            const sum = (of: (visit: Visit) => number): number =>
              intake.visits.reduce((total, visit) => total + of(visit), 0)
            assert.ok(sum(({ items }) => items) <= limits.turnItems)
            assert.ok(sum(({ bytes }) => bytes) < limits.turnBytes + largest)
          }
          for (let n = 0; link.isOpen && (from < all.length || link.isBehind); n++) {
            assert.ok(n < 3 * all.length + 1000)
            turn()
            if (wire.isPaused) link.goOn()
            else if (from < all.length) {
              const to = Math.min(all.length, from + (cuts[n % cuts.length] as number))
              wire.emit('data', all.subarray(from, to))
              from = to
            }
          }
          const texts = inbox.envelopes.map((raw) => (raw as { text: string }).text)
          assert.ok(texts.length === expected(parts).length, `${texts.length} of ${expected(parts).length}`)
          assert.ok(texts.every((text, at) => text === expected(parts)[at]))
          assert.equal(over, 0, 'more came than the receiver had room for')
          assert.equal(link.isOpen, !parts.some(({ kind }) => kind === 'junk'))
          link.close()
        })
      },
    ),
    { numRuns: 60 },
  )
})

test('a receiver with little room does not make the link parse a few envelopes at a time', async (t) => {
  const wire = new Wire()
  const link = linkOver(wire, new Intake())
  const inbox = new Inbox()
  inbox.capacity = () => 1
  link.setReceiver(inbox)
  await new Promise<void>((resolve) => process.nextTick(resolve))
  const parse = t.mock.method(JSON, 'parse')
  const count = 10 * limits.linkShareItems
  wire.emit('data', bytesOf({ kind: 'batch', texts: Array.from({ length: count }, () => 'x') }))
  assert.equal(inbox.envelopes.length, count)
  assert.equal(parse.mock.callCount(), count / limits.linkShareItems)
  link.close()
})
