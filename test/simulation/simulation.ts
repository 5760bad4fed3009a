import type { DeploymentResponse } from '../../actors/messages/deployments.js'
import { limits } from '../../runtime/limits.js'
import { Chaos } from './chaos.js'
import { forgetDeadSystems } from './dead-systems.js'
import { Random } from './random.js'
import { calmRates, drawRates, type Fault } from './rates.js'
import { Director, type Script } from './script.js'
import type { Shape } from './shape.js'
import type { SimApplier } from './sim-applier.js'
import { codeOf } from './sim-submitter.js'
import { withoutLoop } from './turns.js'
import { newer } from './upgrades.js'
import { Violation } from './violation.js'
import { World } from './world.js'

export interface SimulationOptions {
  readonly seed: number
  /** Virtual time with faults. */
  readonly chaosMs: number
  /** Only these faults; default: each seed draws its own. */
  readonly faults?: readonly Fault[]
  readonly shape?: Partial<Shape>
  /** Instead of random faults. */
  readonly script?: Script
  /** Numbers of faults that are left out. */
  readonly skip?: ReadonlySet<number>
  /** Log every message that arrives. */
  readonly tellsMessages?: boolean
}

export interface SimulationResult {
  readonly seed: number
  readonly events: number
  readonly virtualMs: number
  readonly faults: ReadonlyMap<Fault, number>
  /** All faults of the schedule, those left out included. */
  readonly faultCount: number
  readonly submissions: number
  readonly tasks: number
  readonly falls: number
  readonly violation: Violation | undefined
  readonly log: readonly string[]
}

export function drawShape(random: Random): Shape {
  const leaseMs = random.pick([1000, 2500, 2500])
  // Now and then one with more under way at once.
  const isLarge = random.chance(0.1)
  return {
    masters: isLarge ? random.pick([2, 5, 7]) : random.pick([2, 3, 3, 3, 5]),
    workers: isLarge ? 5 + random.int(16) : 1 + random.int(4),
    submitters: isLarge ? 2 + random.int(3) : 1 + random.int(2),
    applications: isLarge ? random.int(5) : random.int(3),
    lockServers: random.pick([1, 1, 3, isLarge ? 5 : 3]),
    leaseMs,
    workerTimeoutMs: leaseMs * random.pick([4, 8, 24]),
    meanDelayMs: random.pick([0.2, 1, 5, 20]),
    resources: random.chance(0.4),
    validates: random.chance(0.1),
  }
}

/**
 * Workers, or every second Master, with another W than the leader. Not in the first seeds, in which planted
 * mistakes are looked for: what those find stays what it is.
 */
function otherTimeouts(seed: number, { workerTimeoutMs }: Shape): Partial<Shape> {
  switch (Math.floor(seed / 1000) % 4) {
    case 1:
      return { ownTimeoutMs: limits.workerTimeoutMs }
    case 2:
      return { ownTimeoutMs: workerTimeoutMs / 2, ownGraceMs: workerTimeoutMs / 4 }
    case 3:
      return { ownTimeoutMs: limits.workerTimeoutMs, otherTimeoutMs: 2 * workerTimeoutMs }
    default:
      return {}
  }
}

/** What a script submits fits on the Workers whenever it says so. */
const plain: Partial<Shape> = { resources: false }

/** Longer than any script waits. */
const SCRIPT_MS = 600_000

/** One history from one seed: first random faults, then none, and everything must reach its end. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const random = new Random(options.seed)
  const { script } = options
  const drawn = drawShape(random)
  const others = script ? plain : otherTimeouts(options.seed, drawn)
  const shape = { ...drawn, ...others, ...script?.shape, ...options.shape }
  const rates = script ? { ...calmRates(random), ...script.rates } : drawRates(random, options.faults)
  const world = new World(options.seed, shape, rates)
  world.tell('world', 'begins', shape)
  const chaos = script ? undefined : new Chaos(world, options.skip)
  const director = script && new Director(world, script)
  if (options.tellsMessages) world.tellMessages()
  let violation: Violation | undefined
  const withLoop = withoutLoop()
  try {
    await world.runUntil(director ? SCRIPT_MS : options.chaosMs, () => director?.over ?? false)
    chaos?.end()
    world.network.healAll()
    world.store.answerAll()
    world.upgrades.complete()
    world.tell('world', 'is healed')
    await expectLife(world)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    violation = error
    world.tell('check', error.message)
  } finally {
    withLoop()
  }
  forgetDeadSystems()
  return {
    seed: options.seed,
    events: world.events,
    virtualMs: world.timeline.nowMs,
    faults: chaos?.done ?? new Map(),
    faultCount: chaos?.count ?? 0,
    submissions: world.history.acknowledgements,
    tasks: world.tasks.delivered,
    falls: world.checks.debts.falls,
    violation,
    log: world.log,
  }
}

/** Drivers still end and start. What a Worker knows and its Master does not must be on its way. */
const SETTLE_MS = 3000

/** L1, L2: a Master leads soon, every Worker is back, and acknowledged work ends or runs. */
async function expectLife(world: World): Promise<void> {
  const { timeline, leaseMs, checks } = world
  const { workerTimeoutMs, ownTimeoutMs = 0, otherTimeoutMs = 0 } = world.shape
  const longestMs = Math.max(workerTimeoutMs, ownTimeoutMs, otherTimeoutMs)
  for (const { process } of [...world.submitters, ...world.applications]) process?.end()
  // Restart, lock and lease of a dead leader, rewindPatience, recovery.
  await world.runUntil(timeline.nowMs + 3 * leaseMs + 15_000)
  const alive = world.masters.filter(
    ({ process }) => process?.masterHost.current && process.masterHost.snapshot().state === 'ALIVE',
  )
  if (alive.length !== 1) {
    const states = world.masters.map(({ name, process }) => [name, process?.masterHost.snapshot().state])
    throw new Violation('L2', `${alive.length} Masters are ALIVE: ${JSON.stringify(states)}`)
  }
  // A drain that a store had forgotten may have come back since it was taken back.
  const asker = world.submitters.find(({ process }) => process?.place.alive)?.process
  for (const { name } of world.workers) void asker?.undrain(name)
  const applied = await applyOnceMore(world)
  await world.runUntil(timeline.nowMs + 2 * longestMs + 20_000)
  const settledByMs = timeline.nowMs + SETTLE_MS
  for (let left = checks.clusterState.unhealed(); left; left = checks.clusterState.unhealed()) {
    if (timeline.nowMs >= settledByMs) throw left
    await world.runUntil(timeline.nowMs + 50)
  }
  const unheard = checks.restarts.unheard()
  if (unheard) throw unheard
  if (applied) await askForDeployment(world, applied)
  if (world.upgrades.isPlayed) await finishUpgrade(world)
  await askAll(world)
}

/** L1: once all Masters know the newer format, the store gets it. */
async function finishUpgrade(world: World): Promise<void> {
  const asker = world.submitters.find(({ process }) => process?.place.alive)?.process
  if (!asker) return
  let is = 0
  void asker.finishUpgradeAtLast(world.masters.length).then((format) => {
    is = format
  })
  world.touched(asker.place)
  await world.runUntil(world.timeline.nowMs + 30_000, () => is > 0)
  if (is !== newer.max)
    throw new Violation('L1', 'all Masters know the newer format, and the store does not get it')
}

/** Longer than every apply that is still at work, with programs that do not heed SIGTERM. */
const APPLY_MS = 120_000

/** L1: whoever held a deployment and is gone keeps nobody from the next one. */
async function applyOnceMore(world: World): Promise<SimApplier | undefined> {
  const last = world.appliers.finish()
  if (!last) return undefined
  await world.runUntil(world.timeline.nowMs + APPLY_MS, () => last.by() !== undefined)
  const by = last.by()
  if (by) return by
  const ends = world.appliers.all.map(({ place, end }) => `${place.name} ${JSON.stringify(end)}`)
  throw new Violation('claim', `no apply comes to its end any more: ${ends.slice(-4).join()}`)
}

async function askForDeployment(world: World, applier: SimApplier): Promise<void> {
  const asker = world.submitters.find(({ process }) => process?.place.alive)?.process
  if (!asker) return
  let answer: DeploymentResponse | undefined
  void asker.deployment(applier.file.submissions.map(({ key }) => key)).then((response) => {
    answer = response
  })
  world.touched(asker.place)
  await world.runUntil(world.timeline.nowMs + 30_000, () => answer !== undefined)
  if (!answer) throw new Violation('L1', 'nobody says what is deployed')
  world.checks.deployments.finally(applier, answer)
  await world.runUntil(world.timeline.nowMs + 1)
}

/** Questions under way at once: each has a timer, and timers are counted. */
const ASKED_AT_ONCE = 200

/** Asks for every acknowledged submission. */
async function askAll(world: World): Promise<void> {
  const asker = world.submitters.find(({ process }) => process?.place.alive)?.process
  if (!asker) throw new Violation('L1', 'no client is left')
  const acknowledged = [...world.history.submissions.values()].flatMap((submission) => {
    const driverId = submission.driverIds.at(-1)
    return driverId === undefined ? [] : [{ submission, driverId }]
  })
  for (let first = 0; first < acknowledged.length; first += ASKED_AT_ONCE) {
    let left = 0
    for (const { submission, driverId } of acknowledged.slice(first, first + ASKED_AT_ONCE)) {
      left++
      void asker
        .status(driverId)
        .then(
          (status) => world.checks.finally(submission, driverId, status),
          (error: unknown) => world.checks.debts.finallyUnknown(driverId, codeOf(error)),
        )
        .finally(() => left--)
    }
    world.touched(asker.place)
    const deadlineMs = world.timeline.nowMs + 30_000
    while (left > 0 && world.timeline.nowMs < deadlineMs) await world.runUntil(world.timeline.nowMs + 10)
    if (left > 0) throw new Violation('L1', `${left} questions were never answered`)
  }
  await world.runUntil(world.timeline.nowMs + 1)
}
