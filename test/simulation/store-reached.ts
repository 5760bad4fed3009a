import assert from 'node:assert/strict'
import type {
  CommitOutcome,
  CommitRequest,
  ElectOutcome,
  ElectRequest,
  Fence,
  LeaderRecord,
  Page,
} from '../../runtime/persistence/engine.js'

/**
 * Counts how often each kind of outcome was reached: a comparison that never sees a case proves nothing about
 * it.
 */
export class Reached {
  readonly counts = new Map<string, number>()
  commands = 0

  add(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }

  /** Fails with all counts if one of these came less than `least` times. */
  expect(least: number, kinds: readonly string[]): void {
    const rare = kinds.filter((kind) => (this.counts.get(kind) ?? 0) < least)
    const counts = JSON.stringify(Object.fromEntries([...this.counts].sort()), null, 1)
    assert.deepEqual(rare, [], `reached less than ${least} times, of ${counts}`)
  }
}

type Outcome = ElectOutcome | CommitOutcome

/** Equal, except for the text of a refusal after its first word. */
export function same(said: Outcome, real: Outcome, what: string): void {
  assert.deepEqual(withoutText(said), withoutText(real), what)
}

function withoutText(outcome: Outcome): Outcome {
  if (outcome.kind !== 'refused') return outcome
  return { ...outcome, reason: outcome.reason.split(' ')[0]! }
}

export function electKind(
  outcome: ElectOutcome,
  asked: ElectRequest,
  before: LeaderRecord | undefined,
): string {
  const { epoch = 0, owner = '' } = before ?? {}
  if (outcome.kind === 'elected') {
    if (owner === asked.me) return 'elected again'
    return outcome.epoch > epoch + 1 ? 'elected above what was heard' : 'elected'
  }
  if (outcome.kind !== 'changed') return outcome.kind
  const isEpoch = (asked.seen?.epoch ?? 0) === epoch
  const isOwner = (asked.seen?.owner ?? '') === owner
  if (isEpoch && isOwner) return 'changed format'
  if (isEpoch) return 'changed owner'
  return isOwner ? 'changed epoch' : 'changed both'
}

export function writeKind(outcome: CommitOutcome, fence: Fence): string {
  if (outcome.kind === 'deposed') {
    return outcome.epoch > fence.epoch ? 'deposed by a higher epoch' : 'deposed in its own epoch'
  }
  if (outcome.kind !== 'rewound') return outcome.kind
  return outcome.position.epoch < fence.epoch ? 'rewound to a lower epoch' : 'rewound to another write id'
}

export function fillKind({ puts, deletes }: CommitRequest): string {
  if (puts.length === 0) return deletes.length === 0 ? 'empty' : 'deletes alone'
  return deletes.length === 0 ? 'puts alone' : 'puts and deletes'
}

interface AllPages {
  readonly kind: Page['kind']
  readonly pages: number
}

export function readKind({ kind, pages }: AllPages, fence: Fence, leader: LeaderRecord | undefined): string {
  if (kind === 'page') return pages > 1 ? 'pages' : 'one page'
  const leads = leader?.epoch === fence.epoch && leader.owner === fence.owner
  return leads ? 'moved to another write id' : 'moved to another leader'
}
