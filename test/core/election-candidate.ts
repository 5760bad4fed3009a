import { ElectionCore } from '../../actors/election/election-core.js'
import type {
  ElectionConfig,
  ElectionEffect,
  ElectionInput,
  ElectionTimer,
} from '../../actors/election/election-events.js'
import { Hearsay } from '../../actors/election/hearsay.js'
import type { AgentMessage } from '../../actors/messages/election.js'
import type { LeaderRecord, Position } from '../../runtime/persistence/engine.js'
import { ownFormats } from '../../runtime/persistence/store-format.js'

export const RIVAL = 'm2-9'
export type Owner = LeaderRecord

/** The record of a rival at (4, 9). */
export function owner({
  epoch = 4,
  seq = 9,
  ...parts
}: Partial<LeaderRecord> & { seq?: number } = {}): Owner {
  return {
    epoch,
    owner: RIVAL,
    address: 'firesteel://h:2',
    lock: '',
    position: { epoch, seq },
    writeId: 'm',
    base: { epoch: 3, seq: 1 },
    touchedMs: 0,
    left: false,
    ownerGone: false,
    ...parts,
  }
}

type Asking = 'look' | 'probe' | 'countPresence' | 'acquire' | 'elect' | 'touch' | 'extend' | 'leave'
const asking: ReadonlySet<string> = new Set<Asking>([
  'look',
  'probe',
  'countPresence',
  'acquire',
  'elect',
  'touch',
  'extend',
  'leave',
])
type EffectOf<K extends ElectionEffect['kind']> = Extract<ElectionEffect, { kind: K }>

/** The core of one agent on virtual time; a test plays store, lock and witnesses. */
export class CandidateFixture {
  readonly core: ElectionCore
  readonly effects: ElectionEffect[] = []
  readonly logs: string[] = []
  readonly #timers = new Map<ElectionTimer, number>()
  readonly #random: number
  #asked = 0
  nowMs = 0

  constructor({
    random = 0.5,
    received,
    ...config
  }: Partial<ElectionConfig> & { random?: number; received?: Position } = {}) {
    this.#random = random
    this.core = new ElectionCore({
      owner: 'me-1',
      address: 'firesteel://h:1',
      leaseMs: 2500,
      rewindPatienceMs: 3000,
      locked: true,
      formats: ownFormats,
      hearsay: new Hearsay(),
      connectedAtMs: -10_000,
      ...config,
    })
    if (received) this.hear(received)
  }

  step(input: ElectionInput): ElectionEffect[] {
    const effects = this.core.step(input, { monotonicMs: this.nowMs, random: this.#random })
    for (const effect of effects) {
      this.effects.push(effect)
      if (effect.kind === 'startTimer') this.#timers.set(effect.key, this.nowMs + effect.ms)
      else if (effect.kind === 'cancelTimer') this.#timers.delete(effect.key)
      else if (effect.kind === 'log' && effect.level !== 'info') this.logs.push(effect.text)
    }
    return effects
  }

  message(message: AgentMessage): ElectionEffect[] {
    return this.step({ kind: 'message', message })
  }

  hear(position: Position): void {
    this.message({ type: 'PositionHeard', position })
  }

  /** Answers the look under way. */
  look(
    record: LeaderRecord | undefined,
    { lockMs = 0, recordCache }: { lockMs?: number; recordCache?: Position } = {},
  ) {
    const ticket = this.ticket('look')
    this.step({ kind: 'looked', ticket, record, lockRemainingMs: lockMs, recordCache })
  }

  presence(count: number | undefined): void {
    this.step({ kind: 'presence', ticket: this.ticket('countPresence'), count })
  }

  /** Acquires where that is asked for, and is elected. */
  win(epoch: number, ticket = this.ticket('elect'), sentAtMs = this.nowMs): void {
    const base = { epoch: epoch - 1, seq: 9 }
    const outcome = { kind: 'elected', epoch, owner: 'me-1', base, writeId: 'm' } as const
    this.step({ kind: 'elected', ticket, outcome, sentAtMs })
  }

  last<K extends ElectionEffect['kind']>(kind: K): EffectOf<K> | undefined {
    return this.effects.findLast((effect): effect is EffectOf<K> => effect.kind === kind)
  }

  has(kind: ElectionEffect['kind']): boolean {
    return this.last(kind) !== undefined
  }

  count(kind: ElectionEffect['kind']): number {
    return this.effects.filter((effect) => effect.kind === kind).length
  }

  ticket(kind: 'look' | 'probe' | 'countPresence' | 'acquire' | 'elect' | 'release'): number {
    const ticket = this.last(kind)?.ticket
    if (ticket === undefined) throw new Error(`nothing asked to ${kind}`)
    return ticket
  }

  /**
   * What it asked of store, lock and witnesses since this was called last; the look of the start is left out.
   */
  asked(): Asking[] {
    const kinds = this.effects.slice(this.#asked).map(({ kind }) => kind)
    if (this.#asked === 0 && kinds[0] === 'startTimer') kinds.shift()
    const first = this.#asked === 0 && kinds.indexOf('look')
    if (typeof first === 'number' && first >= 0) kinds.splice(first, 1)
    this.#asked = this.effects.length
    return kinds.filter((kind): kind is Asking => asking.has(kind))
  }

  get released(): string[] {
    return this.effects.flatMap((effect) => (effect.kind === 'release' ? [effect.value] : []))
  }

  /** What the Master was told of a leadership of its own. */
  get told(): string[] {
    return this.effects.flatMap((effect) =>
      effect.kind === 'tellMaster' && effect.message.type !== 'LeaderRecordSeen' ? [effect.message.type] : [],
    )
  }

  /** When a timer is due, from now. */
  dueMs(key: ElectionTimer): number | undefined {
    const due = this.#timers.get(key)
    return due === undefined ? undefined : due - this.nowMs
  }

  /** Time passes; no timer fires: the process was held up, or the test fires them itself. */
  advance(ms: number): void {
    this.nowMs += ms
  }

  /** Time passes to when this timer is due, and it fires; others wait. */
  advanceTo(key: ElectionTimer): void {
    const due = this.#timers.get(key)
    if (due === undefined) throw new Error(`the timer ${key} does not run`)
    this.#timers.delete(key)
    this.nowMs = Math.max(this.nowMs, due)
    this.step({ kind: 'timer', key })
  }
}

/** What a dead rival's witnesses say. */
export const EARLY = {
  probed: (candidate: CandidateFixture) =>
    candidate.step({ kind: 'probed', ticket: candidate.ticket('probe'), says: 'gone' }),
  presence: (candidate: CandidateFixture) => candidate.presence(0),
} as const
