import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { WaitCause } from '../../actors/messages/explanation.js'
import type { WaitingReason } from '../../actors/messages/launch-failures.js'
import type { MasterStateResponse } from '../../actors/messages/status.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* `explain` against what the Master does and what `status` says: it may say more, and nothing else. */

const on = fc.option(fc.constant({ zone: 'a' }), { nil: undefined })
const size = {
  cores: fc.integer({ min: 1, max: 4 }),
  memoryMib: fc.integer({ min: 1, max: 4 }).map((n) => n * 256),
}
const action = fc.oneof(
  fc.record({
    kind: fc.constant('worker' as const),
    ...size,
    labels: fc.constantFrom({}, { zone: 'a' }, { zone: 'b' }),
  }),
  fc.record({ kind: fc.constant('driver' as const), ...size, on }),
  fc.record({ kind: fc.constant('app' as const), ...size, on }),
  fc.record({ kind: fc.constant('fail' as const), which: fc.nat(20) }),
  fc.record({ kind: fc.constant('unlink' as const), which: fc.nat(20) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(20_000) }),
)

/** What `explain` may say where `status` says this. */
const finer: Readonly<Record<WaitingReason, readonly WaitCause[]>> = {
  NOT_LINKED: ['NOT_LINKED'],
  NO_WORKER: ['NO_WORKER'],
  NO_LABEL: ['NO_LABEL'],
  TOO_LARGE: ['TOO_LARGE'],
  NO_ROOM: ['NO_ROOM', 'UNREACHABLE', 'NOT_REPORTED'],
  LAUNCHES_FAILED: ['LAUNCHES_FAILED'],
  ALL_EXCLUDED: ['ALL_EXCLUDED'],
  DRAINING: ['ALL_DRAINING', 'LEAVING'],
}

function explained(world: MasterWorld, of: string): MasterStateResponse {
  world.link('asker', 'client')
  return world.ask('asker', { type: 'RequestMasterState', of, explain: true }) as never
}

class Trial {
  readonly world = new MasterWorld().elect().advance(2000)
  readonly ids: string[] = []
  readonly workers: string[] = []
  #changes = 0

  do(action: Step): void {
    const { world } = this
    if (action.kind === 'worker') {
      const id = `w${this.workers.length}`
      this.workers.push(id)
      world.worker(id, { ...action, port: 7001 + this.workers.length })
    } else if (action.kind === 'driver') {
      const { cores, memoryMib } = action
      this.ids.push(
        world.submitted({ cores, memoryMib, supervise: true, ...(action.on && { on: action.on }) }),
      )
    } else if (action.kind === 'app') {
      const { cores, memoryMib } = action
      const executor = { cores, memoryMib, resources: {}, ...(action.on && { on: action.on }) }
      this.ids.push(world.application(`c${this.ids.length}`, { executor, maxCores: 8 }))
    } else if (action.kind === 'unlink' && this.workers.length > 0) {
      world.unlink(this.workers[action.which % this.workers.length]!)
    } else if (action.kind === 'fail') this.fail(action.which)
    else if (action.kind === 'wait') world.advance(action.ms)
  }

  /** A driver that was launched could not be started. */
  fail(which: number): void {
    const drivers = this.ids.filter((id) => id.startsWith('driver'))
    const driverId = drivers[which % Math.max(1, drivers.length)]
    if (driverId === undefined) return
    const [driver] = explained(this.world, driverId).activeDrivers
    if (!driver?.worker) return
    this.world.tell(driver.worker, {
      type: 'DriverStateChanged',
      workerId: driver.worker,
      change: ++this.#changes,
      driverId,
      generation: driver.generation,
      attempt: 1,
      state: 'ERROR',
      message: 'missing',
      notStarted: { code: 'FIRESTEEL_MAIN_NOT_FOUND' },
    })
  }
}

type Step = typeof action extends fc.Arbitrary<infer T> ? T : never

const small = { cores: 1, memoryMib: 256 }
const driver: Step = { kind: 'driver', ...small, on: undefined }
const worker: Step = { kind: 'worker', ...small, labels: {} }

/** One for each of these causes, which chance alone does not always come to. */
const provoked: Readonly<Partial<Record<WaitCause, readonly Step[]>>> = {
  NO_WORKER: [driver],
  NO_ROOM: [worker, driver, driver],
  TOO_LARGE: [worker, { ...driver, cores: 4 }],
  NO_LABEL: [worker, { ...driver, on: { zone: 'a' } }],
  LAUNCHES_FAILED: [worker, driver, { kind: 'fail', which: 0 }],
}

test('what could be launched is launched, and what waits is explained as status explains it', () => {
  const seen = new Map<string, number>()
  fc.assert(
    fc.property(fc.array(action, { minLength: 5, maxLength: 30, size: 'max' }), (actions) => {
      const trial = new Trial()
      for (const one of actions) trial.do(one)
      trial.world.advance(0)
      for (const id of trial.ids) {
        const { activeDrivers, activeApps } = explained(trial.world, id)
        const [row] = [...activeDrivers, ...activeApps]
        const cause = row?.wait?.cause
        if (cause === undefined) continue
        seen.set(cause, (seen.get(cause) ?? 0) + 1)
        assert.notEqual(cause, 'PLACED_NEXT', id)
        const reason = activeApps[0]?.waiting?.reason
        if (reason !== undefined)
          assert.ok(finer[reason].includes(cause), `${reason} is explained by ${cause}`)
        const { workers = [], counts = {} } = row?.wait ?? {}
        for (const fit of workers) assert.ok((counts[fit.verdict] ?? 0) > 0)
      }
    }),
    { numRuns: 250, examples: Object.values(provoked).map((actions) => [[...actions]]) },
  )
  for (const cause of Object.keys(provoked))
    assert.ok((seen.get(cause) ?? 0) > 0, `${cause}: ${seen.get(cause)}`)
})
