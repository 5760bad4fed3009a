import { handOverSteps } from '../../actors/worker/restart/hand-over.js'

/* The steps of an announced restart, and what is killed at each. */

/** `old`: the process that ends. `next`: the one that takes over; another one follows it. */
export type Victim = 'old' | 'next' | 'guard' | 'leader'
/** What becomes of the work. */
export type Fate = 'taken back' | 'ended'

export interface RestartTrial {
  readonly victim: Victim
  /** What has just been done. */
  readonly step: string
  readonly fate: Fate
  /** False: the work has to end before the next process comes. */
  readonly isFollowed: boolean
}

const trial = (victim: Victim, step: string, fate: Fate, isFollowed = true): RestartTrial => ({
  ...{ victim, step, fate, isFollowed },
})

export const restartTrials: readonly RestartTrial[] = [
  // The guard has the record from `outlives` on. Before, the end of the Worker is the end of its work.
  ...handOverSteps.map((step) => trial('old', step, step === 'outlives' ? 'taken back' : 'ended')),
  trial('next', 'begun', 'taken back'),
  trial('next', 'claimed', 'ended'),
  trial('next', 'ready', 'ended'),
  // Another guard follows as long as the old process is there.
  ...handOverSteps.map((step) => trial('guard', step, step === 'outlives' ? 'ended' : 'taken back')),
  trial('guard', 'outlives', 'ended', false),
  trial('leader', 'left', 'taken back'),
]

export const nameOf = ({ victim, step, isFollowed }: RestartTrial): string =>
  `${victim}:${step}${isFollowed ? '' : ':alone'}`
