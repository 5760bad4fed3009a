import type {
  ExecutorsAnswer,
  KillApplicationResponse,
  KillExecutors,
  RequestKillApplication,
} from '../messages/applications.js'
import type { CodePlan, RequestCodePlan } from '../messages/code.js'
import type {
  BeginDeployment,
  DeploymentBegun,
  DeploymentEnded,
  DeploymentResponse,
  DeploySubmission,
  EndDeployment,
  HistoryResponse,
  RequestDeployment,
  RequestHistory,
  SubmissionDeployed,
} from '../messages/deployments.js'
import type {
  DecommissionWorkers,
  DecommissionWorkersResponse,
  RecommissionWorkers,
  RecommissionWorkersResponse,
} from '../messages/drains.js'
import type {
  DriverStatusResponse,
  KillDriverResponse,
  RequestDriverStatus,
  RequestKillDriver,
  RequestRestartDriver,
  RequestSubmitDriver,
  RestartDriverResponse,
  SubmitDriverResponse,
} from '../messages/drivers.js'
import type {
  LauncherOrderState,
  LaunchersResponse,
  RequestLauncherOrder,
  RequestLaunchers,
} from '../messages/launchers.js'
import type { PageTicket, RequestPageTicket } from '../messages/pages.js'
import type {
  LogLocation,
  MasterStateResponse,
  RequestLogLocation,
  RequestMasterState,
} from '../messages/status.js'
import type {
  Identity,
  RequestCreateToken,
  RequestIdentity,
  RequestRevokeToken,
  RequestTokenSecret,
  RequestTokens,
  RequestWorkerCredential,
  TokenCreated,
  TokenRevoked,
  TokenSecret,
  Tokens,
  WorkerCredential,
} from '../messages/tokens.js'
import type { FinishUpgradeResponse, RequestFinishUpgrade } from '../messages/upgrade.js'
import type { RequestRestartWorker, RestartWorkerResponse } from '../messages/worker-restart.js'

/** Each request with the answer of a Master that does not refuse it. */
interface Answers {
  readonly RequestSubmitDriver: SubmitDriverResponse
  readonly RequestKillDriver: KillDriverResponse
  readonly RequestRestartDriver: RestartDriverResponse
  readonly RequestDriverStatus: DriverStatusResponse
  readonly RequestKillApplication: KillApplicationResponse
  readonly RequestMasterState: MasterStateResponse
  readonly RequestLogLocation: LogLocation
  readonly KillExecutors: ExecutorsAnswer
  readonly RequestPageTicket: PageTicket
  readonly RequestCodePlan: CodePlan
  readonly DecommissionWorkers: DecommissionWorkersResponse
  readonly RecommissionWorkers: RecommissionWorkersResponse
  readonly RequestLaunchers: LaunchersResponse
  readonly RequestLauncherOrder: LauncherOrderState
  readonly RequestDeployment: DeploymentResponse
  readonly RequestHistory: HistoryResponse
  readonly BeginDeployment: DeploymentBegun
  readonly EndDeployment: DeploymentEnded
  readonly DeploySubmission: SubmissionDeployed
  readonly RequestRestartWorker: RestartWorkerResponse
  readonly RequestFinishUpgrade: FinishUpgradeResponse
  readonly RequestCreateToken: TokenCreated
  readonly RequestTokenSecret: TokenSecret
  readonly RequestTokens: Tokens
  readonly RequestRevokeToken: TokenRevoked
  readonly RequestIdentity: Identity
  readonly RequestWorkerCredential: WorkerCredential
}

export type AnswerTo<R extends MasterRequest> = Answers[R['type']]

/** Each of these requests may be sent twice: it has a key or an id, or only reads. */
export type MasterRequest =
  | RequestSubmitDriver
  | RequestKillDriver
  | RequestRestartDriver
  | RequestDriverStatus
  | RequestKillApplication
  | RequestMasterState
  | RequestLogLocation
  | KillExecutors
  | RequestCodePlan
  | RequestPageTicket
  | DecommissionWorkers
  | RecommissionWorkers
  | RequestLaunchers
  | RequestLauncherOrder
  | RequestDeployment
  | RequestHistory
  | BeginDeployment
  | EndDeployment
  | DeploySubmission
  | RequestRestartWorker
  | RequestFinishUpgrade
  | RequestCreateToken
  | RequestTokenSecret
  | RequestTokens
  | RequestRevokeToken
  | RequestIdentity
  | RequestWorkerCredential

/** These change nothing. Without an answer nothing is in doubt but the answer. */
const readRequests: ReadonlySet<MasterRequest['type']> = new Set([
  'RequestDriverStatus',
  'RequestMasterState',
  'RequestLogLocation',
  'RequestCodePlan',
  'RequestLaunchers',
  'RequestDeployment',
  'RequestHistory',
  // Its id makes it one order, however often it is sent.
  'RequestLauncherOrder',
  'RequestPageTicket',
  'RequestTokens',
  'RequestTokenSecret',
  'RequestIdentity',
  'RequestWorkerCredential',
])

export const onlyReads = (type: MasterRequest['type']): boolean => readRequests.has(type)
