import type { PersistenceEngine } from '../../runtime/persistence/engine.js'
import type { ElectionAgent, ElectionAgentContext } from '../election/election-agent.js'

/** The store of a Master's records and its election, by recovery mode (protocol 14). */
export interface MasterRecovery {
  readonly engine: PersistenceEngine
  /** Makes a LeaderElectionAgent for one incarnation of the Master. */
  agent(context: ElectionAgentContext): ElectionAgent
  /** True: the store answers. A STANDBY without it is no candidate. */
  storeReachable(): boolean
  /**
   * Runs the calls of a take-over against store and lock without effect, so that the first real one is not
   * slow.
   */
  warmUp?(): Promise<void>
  close(): Promise<void>
}
