import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StatePages } from '../../actors/client/master-state.js'
import { NumberedMap } from '../../actors/master/numbered-map.js'
import { noRows, type SnapshotRows, type StateHead } from '../../actors/master/snapshot.js'
import { pageOf } from '../../actors/master/state-page.js'
import { violation } from '../../actors/messages/catalogue.js'
import { driverDescription } from '../../actors/messages/samples.js'
import {
  type MasterStatePage,
  type MasterStateResponse,
  masterStateResponse,
  type RequestMasterState,
} from '../../actors/messages/status.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld, masterConfig } from '../tools/master-fixture.js'

const request: RequestMasterState = { type: 'RequestMasterState' }

/** All pages of what the world holds, as a client reads them; `between` runs after each page. */
function readAll(world: MasterWorld, of: Partial<RequestMasterState> = {}, between = () => {}) {
  const pages = new StatePages({ ...request, ...of })
  const seen: MasterStatePage[] = []
  for (;;) {
    const page = world.ask('reader', pages.request)
    assert.equal(page?.type, 'MasterStateResponse')
    seen.push(page as MasterStatePage)
    const whole = pages.add(page as MasterStatePage)
    if (whole) return { whole, seen }
    between()
  }
}

function worldWith({ workers = 0, drivers = 0, applications = 0, isReplayed = true } = {}): MasterWorld {
  const world = new MasterWorld({}, { isReplayed }).elect()
  for (let number = 0; number < workers; number++) world.worker(`w${number}`, { port: 7100 + number })
  for (let number = 0; number < applications; number++) world.application(`c${number}`)
  for (let number = 0; number < drivers; number++) world.submitted({ cores: 999 })
  world.link('reader', 'client')
  return world
}

test('the pages of a state, put together, are the state', () => {
  const world = worldWith({ workers: 3, drivers: 1201, applications: 2 })
  const { whole, seen } = readAll(world)
  const { version: _, ...snapshot } = world.snapshot()
  assert.deepEqual(whole, snapshot)
  assert.equal(whole.activeDrivers.length, 1201)
  assert.equal(whole.activeApps.flatMap((app) => app.executors).length, 12)
  assert.ok(seen.length >= 3)
  for (const page of seen) {
    assert.ok(masterStateResponse.safeParse(page).success)
    assert.ok(page.activeDrivers.length <= limits.statePageRows)
    assert.ok(JSON.stringify(page).length < limits.statePageBytes + 1024)
  }
})

test('a page holds so many bytes, and one row that is larger', () => {
  const world = worldWith()
  for (let number = 0; number < 20; number++)
    world.submitted({ cores: 999, main: `/${'x'.repeat(16_000)}`, name: String(number) })
  const { whole, seen } = readAll(world)
  assert.equal(whole.activeDrivers.length, 20)
  assert.equal(seen.length, 3)
  for (const page of seen) assert.ok(JSON.stringify(page).length < limits.statePageBytes + 1024)
})

test('only the sections asked for, and only one row of them', () => {
  const world = worldWith({ workers: 2, drivers: 3, applications: 1 })
  const { whole } = readAll(world, { parts: ['workers'] })
  assert.deepEqual([whole.workers.length, whole.activeDrivers.length, whole.activeApps.length], [2, 0, 0])
  const [driver] = world.snapshot().activeDrivers
  assert.deepEqual(readAll(world, { of: driver!.id }).whole.activeDrivers, [driver])
  assert.deepEqual(readAll(world, { of: 'w1' }).whole.workers, [world.snapshot().workers[1]])
  const [app] = world.snapshot().activeApps
  assert.deepEqual(readAll(world, { of: app!.id }).whole.activeApps, [app])
  const none = readAll(world, { of: 'nobody' }).whole
  assert.deepEqual([...none.workers, ...none.activeApps, ...none.activeDrivers], [])
})

test('what a driver was given is not in its row, nor kept once it has ended', () => {
  const world = worldWith()
  const id = world.submitted({ cores: 999, args: ['hidden-argument'], env: { TOKEN: 'hidden-value' } })
  assert.doesNotMatch(JSON.stringify(readAll(world).whole), /hidden/)
  world.ask('cli', { type: 'RequestKillDriver', driverId: id })
  assert.equal(readAll(world).whole.completedDrivers[0]?.id, id)
  assert.doesNotMatch(JSON.stringify([...world.store.get('ended')!.values()]), /hidden/)
  assert.doesNotMatch(JSON.stringify([...(world.core.cluster?.endedDrivers.values() ?? [])]), /hidden/)
})

test('what was there from the first page to the last is given once, what ended meanwhile as ended', () => {
  const world = worldWith({ drivers: 1100 })
  const before = world.snapshot().activeDrivers.map(({ id }) => id)
  const killed = [before[1], before[600], before[1099]] as string[]
  const { whole } = readAll(world, {}, () => {
    world.submitted({ cores: 999 })
    const id = killed.shift()
    if (id) world.ask('cli', { type: 'RequestKillDriver', driverId: id })
  })
  const given = [...whole.activeDrivers, ...whole.completedDrivers].map(({ id }) => id)
  assert.deepEqual(new Set(given).size, given.length)
  for (const id of before) assert.ok(given.includes(id), id)
  assert.deepEqual(
    whole.completedDrivers.map(({ id }) => id),
    [before[1], before[600]],
  )
})

test('another leadership begins the state anew', () => {
  const world = worldWith({ drivers: 1100 })
  const pages = new StatePages(request)
  assert.equal(pages.add(world.ask('reader', pages.request) as MasterStatePage), undefined)
  world.failover().elect()
  world.link('reader', 'client')
  let whole: MasterStateResponse | undefined
  let asked = 0
  for (; !whole; asked++) whole = pages.add(world.ask('reader', pages.request) as MasterStatePage)
  assert.equal(whole.activeDrivers.length, 1100)
  // The second answer was the first page of the new leadership.
  assert.ok(asked >= 3)
})

test('rows are made anew only when something has changed, and those that have not changed stay the same', () => {
  // A recorder that saves a state lets all rows be made anew.
  const world = worldWith({ drivers: 3, isReplayed: false })
  const first = world.snapshot()
  assert.equal(world.snapshot().activeDrivers, first.activeDrivers)
  readAll(world)
  world.tell('w0', { type: 'Heartbeat', workerId: 'w0', sentAtMs: 0 })
  assert.equal(world.snapshot().version, first.version)
  world.submitted({ cores: 999 })
  const next = world.snapshot()
  assert.ok(next.version > first.version)
  assert.equal(next.activeDrivers.length, 4)
  assert.equal(next.activeDrivers[1], first.activeDrivers[1])
  world.nowMs += 1000
  assert.ok(world.snapshot().version > next.version)
})

/* Any cluster state, any page size, any change between two pages. */

interface Change {
  readonly kind: 'add' | 'remove'
  readonly pick: number
}

const head: StateHead = {
  config: masterConfig,
  state: 'ALIVE',
  sinceMs: 0,
  position: { epoch: 1, seq: 1 },
  stale: false,
  masters: [],
  leader: null,
  deployment: undefined,
  store: undefined,
}

test('property: whatever comes and goes between pages of any size, who stays is given once, in order', () => {
  const change: fc.Arbitrary<Change> = fc.record({
    kind: fc.constantFrom('add' as const, 'remove' as const),
    pick: fc.nat(),
  })
  fc.assert(
    fc.property(
      fc.nat(40),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 2000 }),
      fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 50 }),
      (size, statePageRows, statePageBytes, changes) => {
        const drivers = new NumberedMap<{ id: string }>()
        let last = 0
        const add = () => {
          const id = `d${last++}`
          drivers.set(id, { id })
        }
        for (let index = 0; index < size; index++) add()
        const stays = new Set(drivers.keys())
        const given: string[] = []
        let after: string | undefined
        for (let asked = 0; asked === 0 || after !== undefined; asked++) {
          const rows = {
            ...noRows,
            activeDrivers: { rows: [...drivers.values()], numbers: [...drivers.numbers] },
          } as unknown as SnapshotRows
          const page = pageOf(head, rows, { after }, { statePageRows, statePageBytes })
          assert.ok(page.activeDrivers.length <= statePageRows)
          assert.equal(page.next === undefined || page.activeDrivers.length > 0, true)
          given.push(...page.activeDrivers.map(({ id }) => id))
          after = page.next
          for (const { kind, pick } of changes[asked] ?? []) {
            const ids = [...drivers.keys()]
            if (kind === 'add') add()
            else if (ids.length > 0) {
              const id = ids[pick % ids.length] as string
              drivers.delete(id)
              stays.delete(id)
            }
          }
        }
        assert.equal(new Set(given).size, given.length)
        assert.deepEqual(
          given.filter((id) => stays.has(id)),
          [...stays],
        )
      },
    ),
  )
})

test('fuzz: no cursor does harm; one that no page gave is refused, or answered with a page', () => {
  const world = worldWith({ workers: 1, drivers: 600 })
  const like = fc.stringMatching(/^\d{1,16}:(workers|activeDrivers|completedApps|executors):\d{1,16}$/)
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), like, fc.constantFrom('1:drivers:1', '1::', ':::', '1:workers:-1')),
      (after) => {
        const asked = { ...request, after }
        if (violation('master', asked) !== undefined) return
        const page = world.ask('reader', asked)
        assert.equal(page?.type, 'MasterStateResponse')
        assert.ok(violation('client', page) === undefined)
      },
    ),
  )
  assert.match(violation('master', { ...request, after: 'x' }) ?? '', /after: must be `next` of a page/)
})

test('a description of the largest kind makes a row of the same size as any other', () => {
  const world = worldWith()
  world.submitted({ ...driverDescription, cores: 999, args: Array(10).fill('x'.repeat(16_000)) })
  assert.ok(JSON.stringify(world.snapshot().activeDrivers).length < 1000)
})
