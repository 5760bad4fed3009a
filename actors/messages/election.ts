import type { Position } from './common.js'

/* Master and LeaderElectionAgent, inside one process: types suffice, nothing comes from outside. */

/** LeaderElectionAgent -> Master. */
export interface ElectedLeader {
  readonly type: 'ElectedLeader'
  readonly epoch: number
  /** This Master's incarnation, as the leader record names it. */
  readonly owner: string
  /** Position found at election (protocol, section 1). */
  readonly base: Position
  /** Mark of the election: the commit lane chains on it. */
  readonly mark: string
}

/** LeaderElectionAgent -> Master: stop at once; nothing of this leadership may act again (Spark: exit). */
export interface RevokedLeadership {
  readonly type: 'RevokedLeadership'
  readonly reason: string
}

/** Master -> LeaderElectionAgent: its lane, its core or a peer says that this leadership is over. */
export interface LeadershipLost {
  readonly type: 'LeadershipLost'
  readonly reason: string
  /** Highest epoch heard of; 0 if none: the next election goes above it. */
  readonly heardEpoch: number
}

/** Master -> LeaderElectionAgent: the lane's write succeeded, sent at this monotonic time. */
export interface LeadershipConfirmed {
  readonly type: 'LeadershipConfirmed'
  readonly sentAtMs: number
}

/** Node -> LeaderElectionAgent: give the leadership up of our own will (protocol 13). */
export interface ResignLeadership {
  readonly type: 'ResignLeadership'
}

export type ElectionMessage = ElectedLeader | RevokedLeadership
export type AgentMessage = LeadershipLost | LeadershipConfirmed | ResignLeadership
