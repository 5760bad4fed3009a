import type {
  CommitOutcome,
  ElectOutcome,
  Fence,
  LeaderRecord,
  PastElection,
  Position,
} from '../../runtime/persistence/engine.js'
import type { AgentMessage, ElectionMessage } from '../messages/election.js'
import type { Hearsay } from './hearsay.js'

/* What goes into the core of a LeaderElectionAgent and what comes out of it. */

export type ElectionTimer = 'campaign' | 'claim' | 'witness' | 'probe' | 'attempt' | 'renew' | 'deadline'

/** Does anybody answer where the owner of the leader record listened? Witness 2 of protocol 5.5. */
export type ProbeResult = 'gone' | 'alive' | 'unknown'

/** `ticket` names the effect that this answers: what was given up meanwhile is ignored. */
export type ElectionInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'timer'; readonly key: ElectionTimer }
  | { readonly kind: 'message'; readonly message: AgentMessage }
  /** A store or lock server was away and is back. */
  | { readonly kind: 'reconnected' }
  | {
      readonly kind: 'looked'
      readonly ticket: number
      readonly record: LeaderRecord | undefined
      /** Of the lock, whoever holds it; 0: free. */
      readonly lockRemainingMs: number
      /** Position of the durable records that this process still holds of a leadership of its own. */
      readonly recordCache: Position | undefined
    }
  | {
      readonly kind: 'lookFailed'
      readonly ticket: number
      readonly reason: string
      readonly unrecoverable: boolean
    }
  | { readonly kind: 'probed'; readonly ticket: number; readonly says: ProbeResult }
  | { readonly kind: 'presence'; readonly ticket: number; readonly count: number | undefined }
  | { readonly kind: 'released'; readonly ticket: number }
  | {
      readonly kind: 'acquired'
      readonly ticket: number
      /** Undefined: another holds it, or (with a reason) too few servers answered. */
      readonly value: string | undefined
      readonly reason?: string
    }
  | {
      readonly kind: 'elected'
      readonly ticket: number
      readonly outcome: ElectOutcome
      readonly sentAtMs: number
    }
  | { readonly kind: 'touched'; readonly outcome: CommitOutcome; readonly sentAtMs: number }
  /** Undefined: too few lock servers answered. */
  | { readonly kind: 'extended'; readonly held: boolean | undefined }
  | { readonly kind: 'left' }

export type ElectionEffect =
  /** Read the leader record and the lock's remaining time. */
  | { readonly kind: 'look'; readonly ticket: number }
  | {
      readonly kind: 'probe'
      readonly ticket: number
      readonly address: string
      readonly owner: string
    }
  | { readonly kind: 'countPresence'; readonly ticket: number; readonly owner: string }
  /** Answered with `released` where there is a ticket. */
  | { readonly kind: 'release'; readonly value: string; readonly ticket?: number }
  | { readonly kind: 'acquire'; readonly ticket: number }
  | {
      readonly kind: 'elect'
      readonly ticket: number
      readonly seen: Fence | undefined
      readonly lock: string
      readonly observedEpoch: number
      readonly earlier: readonly PastElection[]
    }
  | { readonly kind: 'touch'; readonly fence: Fence; readonly lock: string }
  | { readonly kind: 'extend'; readonly value: string }
  | { readonly kind: 'leave'; readonly fence: Fence }
  | { readonly kind: 'startTimer'; readonly key: ElectionTimer; readonly ms: number }
  | { readonly kind: 'cancelTimer'; readonly key: ElectionTimer }
  | { readonly kind: 'tellMaster'; readonly message: ElectionMessage }
  /** This agent will do nothing more of its own will. */
  | { readonly kind: 'resigned' }
  /** The store is not ours or cannot be used: no later try would do better. */
  | { readonly kind: 'unrecoverable' }
  | {
      readonly kind: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly text: string
      readonly fields?: Readonly<Record<string, unknown>>
    }

/** The times and chances of one input, taken by the shell. */
export interface ElectionNow {
  readonly monotonicMs: number
  /** In [0, 1), fresh for each input. */
  readonly random: number
}

export interface ElectionConfig {
  /** Incarnation and address of this Master. */
  readonly owner: string
  readonly address: string
  readonly leaseMs: number
  readonly rewindPatienceMs: number
  /** Is there a lock? Without one (NONE, FILESYSTEM) the staleness of the record says when to try. */
  readonly locked: boolean
  /** What is known and heard of positions, over the lives of this node. */
  readonly hearsay: Hearsay
  /** The connections to store and locks stand since then, monotonic. */
  readonly connectedAtMs: number
  /** Another was told to take over: until then it goes first where the leader left; monotonic. */
  readonly holdOffUntilMs?: number
}
