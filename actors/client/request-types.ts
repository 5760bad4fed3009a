import type {
  ExecutorsAnswer,
  KillApplicationResponse,
  KillExecutors,
  RequestKillApplication,
} from '../messages/applications.js'
import type { CodePlan, RequestCodePlan } from '../messages/code.js'
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

/** The answer of a Master that does not refuse the request. */
export type AnswerTo<R extends MasterRequest> = R extends RequestSubmitDriver
  ? SubmitDriverResponse
  : R extends RequestKillDriver
    ? KillDriverResponse
    : R extends RequestRestartDriver
      ? RestartDriverResponse
      : R extends RequestDriverStatus
        ? DriverStatusResponse
        : R extends RequestKillApplication
          ? KillApplicationResponse
          : R extends RequestMasterState
            ? MasterStateResponse
            : R extends RequestLogLocation
              ? LogLocation
              : R extends KillExecutors
                ? ExecutorsAnswer
                : R extends RequestPageTicket
                  ? PageTicket
                  : R extends RequestCodePlan
                    ? CodePlan
                    : R extends DecommissionWorkers
                      ? DecommissionWorkersResponse
                      : R extends RecommissionWorkers
                        ? RecommissionWorkersResponse
                        : R extends RequestLaunchers
                          ? LaunchersResponse
                          : R extends RequestLauncherOrder
                            ? LauncherOrderState
                            : never

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

/** These change nothing. Without an answer nothing is in doubt but the answer. */
const readRequests: ReadonlySet<MasterRequest['type']> = new Set([
  'RequestDriverStatus',
  'RequestMasterState',
  'RequestLogLocation',
  'RequestCodePlan',
  'RequestLaunchers',
  // Its id makes it one order, however often it is sent.
  'RequestLauncherOrder',
  'RequestPageTicket',
])

export const onlyReads = (type: MasterRequest['type']): boolean => readRequests.has(type)
