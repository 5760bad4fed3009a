import type { PersistenceEngine } from '../../runtime/persistence/engine.js'
import type { ElectionAgent, ElectionAgentContext } from '../election/election-agent.js'

/** What survives a Master, and how one is elected over it: by recovery mode (protocol 14). */
export interface MasterRecovery {
  readonly engine: PersistenceEngine
  /** A LeaderElectionAgent for one incarnation of the Master. */
  agent(context: ElectionAgentContext): ElectionAgent
  /** A STANDBY whose store does not answer is no candidate. */
  storeReachable(): boolean
  /** What a take-over asks of store and lock, asked in vain: so that the first one is not the first time. */
  warmUp?(): Promise<void>
  close(): Promise<void>
}
