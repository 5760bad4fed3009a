import type {
  ExecutorsAnswer,
  KillApplicationResponse,
  KillExecutors,
  RequestKillApplication,
} from '../messages/applications.js'
import type {
  DriverStatusResponse,
  KillDriverResponse,
  RequestDriverStatus,
  RequestKillDriver,
  RequestSubmitDriver,
  SubmitDriverResponse,
} from '../messages/drivers.js'
import type {
  LogLocation,
  MasterStateResponse,
  RequestLogLocation,
  RequestMasterState,
} from '../messages/status.js'

/** What a Master answers to a request, when it does not refuse. */
export type AnswerTo<R extends MasterRequest> = R extends RequestSubmitDriver
  ? SubmitDriverResponse
  : R extends RequestKillDriver
    ? KillDriverResponse
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
              : never

/** All of them may be sent twice: by key, by id, or because they only read. */
export type MasterRequest =
  | RequestSubmitDriver
  | RequestKillDriver
  | RequestDriverStatus
  | RequestKillApplication
  | RequestMasterState
  | RequestLogLocation
  | KillExecutors
