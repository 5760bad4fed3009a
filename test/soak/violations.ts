/** What must not happen, each with its name in the table. */
export const violationNames = {
  submissionsLost: 'acknowledged submissions lost',
  submissionsDoubled: 'submissions doubled',
  killsLost: 'acknowledged kills lost',
  endsUnexplained: 'drivers that ended without a cause',
  generationsTwice: 'accepted generations twice',
  stopGenerationsAtOnce: 'generations at once with onIsolation: stop',
  resultsLost: 'results lost',
  resultsTwice: 'results delivered twice',
  rerunsUnexplained: 'tasks run again without a cause',
  deposedEffects: 'effects accepted from a deposed leader',
  ordersUnseen: 'looks at Workers that had forgotten what they were sent',
  leadersEnded: 'leaders ended by a peer without access to the store',
  stateWrong: 'cluster states that are not exact',
  decisionsDiffer: 'decisions of Masters that differ in their replay',
  orphans: 'orphan processes',
  nodesDied: 'nodes that died unasked',
  notWell: 'rounds not well again in time',
  growth: 'processes whose memory or descriptors grow',
} as const

export type ViolationKind = keyof typeof violationNames
export const violationKinds = Object.keys(violationNames) as ViolationKind[]

export interface Violation {
  readonly kind: ViolationKind
  readonly text: string
}

export const violation = (kind: ViolationKind, text: string): Violation => ({ kind, text })
