import type {
  CommitOutcome,
  ElectOutcome,
  Fence,
  LeaderRecord,
  PastElection,
  Position,
} from '../../runtime/persistence/engine.js'
import type { FormatRange } from '../../runtime/persistence/store-format.js'
import type { AgentMessage, ElectionMessage } from '../messages/election.js'
import type { Hearsay } from './hearsay.js'

/* Inputs and effects of the core of a LeaderElectionAgent. */

export type ElectionTimer = 'campaign' | 'claim' | 'witness' | 'probe' | 'attempt' | 'renew' | 'deadline'

/** Whether a process answers where the owner of the leader record listened. Witness 2 of protocol 5.5. */
export type ProbeResult = 'gone' | 'alive' | 'unknown'

/** `ticket` names the effect that this answers. An answer to an abandoned effect is ignored. */
export type ElectionInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'timer'; readonly key: ElectionTimer }
  | { readonly kind: 'message'; readonly message: AgentMessage }
  /** A connection to the store or a lock server was lost and is back. */
  | { readonly kind: 'reconnected' }
  | {
      readonly kind: 'looked'
      readonly ticket: number
      readonly record: LeaderRecord | undefined
      /** Remaining milliseconds of the lock, whatever its holder; 0: it is free. */
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
      /** Undefined: another Master holds the lock, or (with a reason) too few servers answered. */
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
  /** `isRecorded`: the store says so. */
  | { readonly kind: 'left'; readonly isRecorded: boolean }

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
  /** `released` answers it if there is a ticket. */
  | { readonly kind: 'release'; readonly value: string; readonly ticket?: number }
  | { readonly kind: 'acquire'; readonly ticket: number }
  | {
      readonly kind: 'elect'
      readonly ticket: number
      readonly seen: Fence | undefined
      readonly lock: string
      readonly observedEpoch: number
      readonly format: number
      readonly earlier: readonly PastElection[]
    }
  | { readonly kind: 'touch'; readonly fence: Fence; readonly lock: string }
  | { readonly kind: 'extend'; readonly value: string }
  | { readonly kind: 'leave'; readonly fence: Fence }
  | { readonly kind: 'startTimer'; readonly key: ElectionTimer; readonly ms: number }
  | { readonly kind: 'cancelTimer'; readonly key: ElectionTimer }
  | { readonly kind: 'tellMaster'; readonly message: ElectionMessage }
  /** This agent starts nothing more. */
  | { readonly kind: 'resigned' }
  /** The store belongs to another cluster or cannot be used, and no later try can mend it. */
  | { readonly kind: 'unrecoverable' }
  | {
      readonly kind: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly text: string
      readonly fields?: Readonly<Record<string, unknown>>
    }

/** The time and random number of one input. The shell provides them. */
export interface ElectionNow {
  readonly monotonicMs: number
  /** In [0, 1), new for each input. */
  readonly random: number
}

export interface ElectionConfig {
  /** Incarnation and address of this Master. */
  readonly owner: string
  readonly address: string
  readonly leaseMs: number
  readonly rewindPatienceMs: number
  /** True: there is a lock. Without one (NONE, FILESYSTEM) the staleness of the record says when to try. */
  readonly locked: boolean
  /** The formats of a store that this Master knows. */
  readonly formats: FormatRange
  /** The positions that this node knows and has been told of, over its incarnations. */
  readonly hearsay: Hearsay
  /** Monotonic time since which the connections to store and lock servers exist. */
  readonly connectedAtMs: number
  /** Another Master was told to take over and goes first until then, if the leader has left; monotonic. */
  readonly holdOffUntilMs?: number
}
