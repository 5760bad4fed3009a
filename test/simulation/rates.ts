import type { Random } from './random.js'

/** The possible faults. Each seed draws a rate for each of them, zero for most (swarm testing). */
export const faults = [
  'killLeader',
  'killLeaderUnheard',
  'killMaster',
  'killWorker',
  'terminateWorker',
  'restartWorker',
  'drainWorker',
  'drainToStop',
  'badWorker',
  'terminateLeader',
  'freezeLeader',
  'freezeMaster',
  'freezeWorker',
  'cutLeaderFromStore',
  'cutLeaderFromLocks',
  'cutLeaderFromWorkers',
  'cutLeaderFromMasters',
  'cutLeaderFromOne',
  'cutOneWay',
  'cutWorker',
  'partition',
  'hostLost',
  'breakLinks',
  'slowAnswers',
  'slowNode',
  'clockJump',
  'storeDown',
  'storeFrozen',
  'storeSlow',
  'storeFull',
  'storeLosesTail',
  'storeOtherBranch',
  'controlPlaneLost',
  'lockDown',
  'lockFrozen',
  'childCrash',
  'breakTasks',
  'cutApplication',
  'cutApplicationFromMasters',
  'confusedLeader',
  'garbage',
  'lies',
  'apply',
  'applyTwice',
  'killApplier',
  'cutApplier',
  'askRestart',
  'askRestartUnheard',
  'upgradeMaster',
  'downgradeMaster',
  'finishUpgrade',
] as const
export type Fault = (typeof faults)[number]

export interface Rates {
  /** Mean time between two faults of any kind. */
  readonly faultEveryMs: number
  /** How likely each kind is, compared with the others. */
  readonly weights: Readonly<Record<Fault, number>>
  /** Mean duration of a cut or freeze, in leases. In some histories it is longer than the worker timeout. */
  readonly lastsLeases: number
  readonly submitEveryMs: number
  readonly startFails: number
  readonly lostAnswers: number
  readonly lateCopies: number
  /** Mean duration of a task. */
  readonly taskMs: number
  /** Mean time after which the next task takes its place. */
  readonly taskPauseMs: number
  readonly taskFails: number
  /** Tasks that an application keeps at its executors. */
  readonly tasksAtOnce: number
  /**
   * How often a fault hits the first Master or Worker and not any: two faults that need each other must hit
   * one node.
   */
  readonly focus: number
  /** Mean time until an executor crashes by itself; Infinity: never. */
  readonly executorLifeMs: number
  /** Mean time between two changes of how many executors an application wants; Infinity: never. */
  readonly resizeEveryMs: number
}

/** Many checks excuse broken promises after these, so half of the histories are without them. */
const falls: ReadonlySet<Fault> = new Set<Fault>(['storeLosesTail', 'storeOtherBranch', 'controlPlaneLost'])

/**
 * Faults that need each other. In many histories only such ones occur: among all faults together, two of them
 * seldom come one right after the other.
 */
const themes: readonly (readonly Fault[])[] = [
  ['killLeaderUnheard', 'cutApplicationFromMasters', 'childCrash', 'killLeader'],
  ['breakTasks', 'cutApplication', 'childCrash', 'killWorker'],
  ['slowAnswers', 'cutLeaderFromOne', 'freezeWorker', 'cutOneWay', 'slowNode'],
  ['killWorker', 'terminateWorker', 'badWorker', 'hostLost', 'cutWorker', 'partition'],
  ['drainWorker', 'drainToStop', 'killLeader', 'freezeLeader', 'breakLinks', 'terminateLeader'],
  ['freezeLeader', 'cutLeaderFromStore', 'storeDown', 'storeFrozen', 'storeSlow', 'storeFull'],
  ['storeLosesTail', 'storeOtherBranch', 'controlPlaneLost', 'killLeader', 'storeDown'],
  ['cutLeaderFromLocks', 'lockDown', 'lockFrozen', 'freezeMaster', 'terminateLeader'],
  [
    'askRestart',
    'askRestartUnheard',
    'restartWorker',
    'drainToStop',
    'killLeader',
    'breakLinks',
    'killWorker',
  ],
  ['apply', 'applyTwice', 'killApplier', 'cutApplier', 'killLeader', 'childCrash', 'breakLinks'],
  [
    'upgradeMaster',
    'downgradeMaster',
    'finishUpgrade',
    'killLeader',
    'terminateLeader',
    'partition',
    'storeLosesTail',
    'lockFrozen',
  ],
  ['lies', 'garbage', 'confusedLeader', 'cutLeaderFromWorkers', 'cutLeaderFromMasters', 'breakLinks'],
]

/** Which faults occur in this history. */
function drawFaults(random: Random, mayFall: boolean): (fault: Fault) => boolean {
  const theme = random.chance(0.4) ? random.pick(themes) : undefined
  if (theme) return (fault) => theme.includes(fault) && random.chance(0.7)
  return (fault) => random.chance(0.4) && (mayFall || !falls.has(fault))
}

export function drawRates(random: Random, only?: readonly Fault[]): Rates {
  const mayFall = random.chance(0.5)
  const isIn = only ? (fault: Fault) => only.includes(fault) : drawFaults(random, mayFall)
  const weights = {} as Record<Fault, number>
  for (const fault of faults) weights[fault] = isIn(fault) ? random.between(0.2, 1) : 0
  const rates = drawPace(random, weights)
  // As many tasks, whether they take long or end as soon as they have begun.
  if (!random.chance(0.25)) return rates
  return { ...rates, taskMs: random.between(0.1, 2), taskPauseMs: random.between(1000, 5000) }
}

function drawPace(random: Random, weights: Rates['weights']): Rates {
  return {
    faultEveryMs: random.between(1000, 12_000),
    weights,
    lastsLeases: random.pick([2, 2, 2, 12]),
    submitEveryMs: random.between(100, 2000),
    startFails: random.chance(0.3) ? 0.05 : 0,
    lostAnswers: random.chance(0.4) ? random.between(0, 0.03) : 0,
    lateCopies: random.chance(0.4) ? random.between(0, 0.1) : 0,
    taskMs: random.between(20, 500),
    taskPauseMs: 1,
    taskFails: random.pick([0, 0, 0.05, 0.3]),
    tasksAtOnce: 1 + random.int(12),
    focus: random.chance(0.5) ? 0.7 : 0,
    executorLifeMs: random.chance(0.3) ? random.pick([500, 2000, 10_000]) : Number.POSITIVE_INFINITY,
    resizeEveryMs: random.chance(0.3) ? random.between(500, 5000) : Number.POSITIVE_INFINITY,
  }
}

/** A cluster without faults, except for what a script does. */
export function calmRates(random: Random): Rates {
  return {
    ...drawRates(random, []),
    faultEveryMs: Number.POSITIVE_INFINITY,
    startFails: 0,
    lostAnswers: 0,
    lateCopies: 0,
    taskFails: 0,
    executorLifeMs: Number.POSITIVE_INFINITY,
    resizeEveryMs: Number.POSITIVE_INFINITY,
  }
}
