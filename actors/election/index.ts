/* The package's entry `firesteel/recovery`: all that a module for recovery.mode CUSTOM needs. */

export type { Clock } from '../../runtime/clock.js'
export { type ErrorCode, FiresteelError, isFiresteelError } from '../../runtime/errors.js'
export type { Log } from '../../runtime/observe/log.js'
export { compareFence, type StoredFence } from '../../runtime/persistence/compare-fence.js'
export type {
  Changed,
  CommitOutcome,
  CommitRequest,
  Delete,
  Deposed,
  Elected,
  ElectOutcome,
  ElectRequest,
  Failed,
  Fence,
  LeaderRecord,
  Page,
  PersistenceEngine,
  Position,
  Put,
  Quarantined,
  RecordSchemas,
  Refused,
  Rewound,
  StoreDegradation,
  Table,
  Unknown,
} from '../../runtime/persistence/engine.js'
export type { AgentMessage, ElectionMessage } from '../messages/election.js'
export type { CustomEngineContext, CustomRecovery } from './custom-recovery.js'
export {
  type ElectionAgent,
  type ElectionAgentContext,
  electionOverLock,
  type LockService,
  singleMasterElection,
} from './election-agent.js'
export type { LeaderLock, Presence, Reconnections } from './leader-lock.js'
