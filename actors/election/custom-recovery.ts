import type { Log } from '../../runtime/observe/log.js'
import type { PersistenceEngine, RecordSchemas } from '../../runtime/persistence/engine.js'
import type { ElectionAgent, ElectionAgentContext } from './election-agent.js'

/** The argument of `createPersistenceEngine` of a CUSTOM module. */
export interface CustomEngineContext {
  readonly cluster: string
  /** The folder `state` beside the deployment file, absolute. Firesteel has not made it. */
  readonly directory: string
  readonly leaseMs: number
  /** Says why a value is no record of its table; undefined: it is a valid one. */
  readonly schemas: RecordSchemas
  readonly log: Log
}

/**
 * What a module named by `recovery.module` exports (recovery.mode CUSTOM): called once per process, and once
 * per life of a Master. `testCustomRecovery` of `firesteel/testing` checks what it must keep to.
 */
export interface CustomRecovery {
  createPersistenceEngine(context: CustomEngineContext): PersistenceEngine | Promise<PersistenceEngine>
  /** `context.engine` is the engine of `createPersistenceEngine`. */
  createLeaderElectionAgent(context: ElectionAgentContext): ElectionAgent
}
