import type { Log } from '../../runtime/observe/log.js'
import type { PersistenceEngine, RecordSchemas } from '../../runtime/persistence/engine.js'
import type { ElectionAgent, ElectionAgentContext } from './election-agent.js'

/** What `createPersistenceEngine` of a CUSTOM module is given. */
export interface CustomEngineContext {
  readonly cluster: string
  /** `state` beside the deployment file, absolute; nothing has been made there. */
  readonly directory: string
  readonly leaseMs: number
  /** Why a value is unreadable as a record of its table; undefined when it is a good one. */
  readonly schemas: RecordSchemas
  readonly log: Log
}

/**
 * What a module named by `recovery.module` exports (recovery.mode CUSTOM): called once per process, and once per life
 * of a Master. `testCustomRecovery` of `firesteel/testing` checks what it must keep to.
 */
export interface CustomRecovery {
  createPersistenceEngine(context: CustomEngineContext): PersistenceEngine | Promise<PersistenceEngine>
  /** `context.engine` is what `createPersistenceEngine` gave. */
  createLeaderElectionAgent(context: ElectionAgentContext): ElectionAgent
}
