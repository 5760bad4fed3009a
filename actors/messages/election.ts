import type { ErrorParts } from '../../runtime/errors.js'
import type { PastElection, Position } from './common.js'

/*
 * Messages between Master and LeaderElectionAgent in one process. They need no schema, because none comes
 * from outside.
 */

/** LeaderElectionAgent -> Master. */
export interface ElectedLeader {
  readonly type: 'ElectedLeader'
  readonly epoch: number
  /** This Master's incarnation, as the leader record names it. */
  readonly owner: string
  /** The position that the election found in the store (protocol 1). */
  readonly base: Position
  /** Earlier elections, oldest first, and where each found the store. */
  readonly earlier: readonly PastElection[]
  /** Write id of the election, which the first commit names as the one before it. */
  readonly writeId: string
  /**
   * The highest observed position. If it is above `base`, the store has lost the writes between (protocol
   * 12).
   */
  readonly observed: Position
  /** Of the store. */
  readonly format: number
}

/** LeaderElectionAgent of a STANDBY -> Master: the leader record names this leader. */
export interface LeaderRecordSeen {
  readonly type: 'LeaderRecordSeen'
  readonly epoch: number
  readonly owner: string
  readonly address: string
}

/**
 * LeaderElectionAgent of a STANDBY -> Master: this keeps it from being elected, such as a store that does not
 * answer. Without `problem` nothing does any more.
 */
export interface ElectionHindered {
  readonly type: 'ElectionHindered'
  readonly problem?: ErrorParts
}

/** LeaderElectionAgent -> Master: stop at once; no effect of this leadership may follow (Spark: exit). */
export interface RevokedLeadership {
  readonly type: 'RevokedLeadership'
  readonly reason: string
}

/** Master -> LeaderElectionAgent: its commit queue, its core or a peer says that this leadership is over. */
export interface LeadershipLost {
  readonly type: 'LeadershipLost'
  readonly reason: string
  /** The highest observed epoch, which the next election exceeds; 0: none. */
  readonly observedEpoch: number
}

/**
 * Master -> LeaderElectionAgent: a peer names a leadership that this Master does not know. This proves
 * nothing, so the agent reads the store, at most every `limits.claimLookMs`.
 */
export interface LeadershipClaimed {
  readonly type: 'LeadershipClaimed'
  readonly epoch: number
}

/** Master -> LeaderElectionAgent: the commit queue's write succeeded, sent at this monotonic time. */
export interface LeadershipConfirmed {
  readonly type: 'LeadershipConfirmed'
  readonly sentAtMs: number
}

/** Master -> LeaderElectionAgent: the store has this format from now on, durably (protocol 13.1). */
export interface FormatRaised {
  readonly type: 'FormatRaised'
  readonly format: number
}

/** Master -> LeaderElectionAgent: give up the leadership in order (protocol 13). */
export interface ResignLeadership {
  readonly type: 'ResignLeadership'
}

/**
 * Master -> LeaderElectionAgent: a Master or Worker, never a client, has seen this position (protocol 5.3).
 */
export interface PositionHeard {
  readonly type: 'PositionHeard'
  readonly position: Position
}

/**
 * Master -> LeaderElectionAgent: the kernel closed the link to this Master (FIN, RST): witness 1 of protocol
 * 5.5.
 */
export interface MasterLinkClosed {
  readonly type: 'MasterLinkClosed'
  readonly incarnation: string
}

/**
 * Master -> LeaderElectionAgent: the leader has released its lock, and this Master is to take it (protocol
 * 13).
 */
export interface TakeOver {
  readonly type: 'TakeOver'
}

/** Master -> LeaderElectionAgent: the leader has released its lock, and another Master is to take it. */
export interface HoldOff {
  readonly type: 'HoldOff'
  readonly ms: number
}

export type ElectionMessage = ElectedLeader | LeaderRecordSeen | ElectionHindered | RevokedLeadership
export type AgentMessage =
  | LeadershipLost
  | LeadershipClaimed
  | LeadershipConfirmed
  | FormatRaised
  | ResignLeadership
  | PositionHeard
  | MasterLinkClosed
  | TakeOver
  | HoldOff
