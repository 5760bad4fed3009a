import type { ErrorParts } from '../../runtime/errors.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { PastElection, Position } from '../messages/common.js'
import type { PeerInfo } from './cluster-state.js'
import type { LostWritePiece } from './lost-writes/intake.js'
import type { MasterTimer } from './master-timer.js'
import type { KnownLeader } from './peer-masters.js'
import type { StoredRecords } from './records.js'
import type { ReplyToken } from './step.js'

export interface Elected {
  readonly kind: 'elected'
  readonly epoch: number
  readonly owner: string
  readonly base: Position
  readonly earlier: readonly PastElection[]
  readonly observed: Position
  /** Of the store. */
  readonly format: number
  /** The keys of ended drivers follow, as `keys`. */
  readonly keysFollow?: boolean
}

/** What reaches the Master's core: a peer, a message, a timer, or a result of the shell. */
export type MasterInput =
  | { readonly kind: 'linkUp'; readonly peer: PeerInfo }
  | {
      readonly kind: 'linkDown'
      readonly incarnation: string
      /** FIN or RST: the process has ended, or it closed the link (protocol 5.5, witness 1). */
      readonly closedByKernel: boolean
    }
  | {
      readonly kind: 'message'
      readonly from: string
      readonly message: MasterMessage
      /** Position of the Master that sent it. Absent if the sender is no Master. */
      readonly position?: Position
      readonly reply?: ReplyToken
      /** The span that a submission or registration belongs to. */
      readonly trace?: TraceContext | undefined
      /** With StandbyPulse: it proves that its sender reads the store. */
      readonly isProven?: boolean
    }
  | { readonly kind: 'timer'; readonly timer: MasterTimer }
  | { readonly kind: 'probed'; readonly workerId: string; readonly refused: boolean }
  /**
   * The cluster state of this leadership begins empty. Until it is filled, this Master answers as a STANDBY.
   */
  | Elected
  /** A piece of what the store holds. */
  | { readonly kind: 'records'; readonly records: Partial<StoredRecords> }
  /** The cluster state is filled, so this Master leads. */
  | {
      readonly kind: 'restored' /** Pieces of the own record cache follow, as `lostWrites`. */
      readonly ownLostWrites?: boolean
    }
  /** A piece of a record cache, its own or another Master's, with records newer than base (protocol 12). */
  | ({ readonly kind: 'lostWrites' } & LostWritePiece)
  /** Keys of ended drivers. They are read after the election. */
  | { readonly kind: 'keys'; readonly records: StoredRecords['keys']; readonly complete: boolean }
  /** The agent of a STANDBY has read which Master leads. */
  | { readonly kind: 'recordSeen'; readonly record: KnownLeader }
  /** This keeps the agent of a STANDBY from an election; undefined: nothing does any more. */
  | { readonly kind: 'hindered'; readonly problem: ErrorParts | undefined }
  /** All Masters that are known now. */
  | { readonly kind: 'masters'; readonly addresses: readonly string[] }
  /** The mailbox is empty for now. The core places once what the messages made possible. */
  | { readonly kind: 'turnEnd' }
