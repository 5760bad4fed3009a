/* The package: `import { connect } from 'firesteel'`. */

export { type ErrorCode, FiresteelError, isFiresteelError } from '../../runtime/errors.js'
export type { Log, LogFields, LogLevel } from '../../runtime/observe/log.js'
export type { LaunchFailure } from '../messages/launch-failures.js'
export { NoRetry } from '../messages/no-retry.js'
export type { BackoffOptions } from '../tasks/backoff-option.js'
export type { EachResult } from '../tasks/each.js'
export type { Inputs } from '../tasks/task-call.js'
export type { CallOptions, TaskOptions, TaskProgress } from '../tasks/task-options.js'
export type { TaskFunction, TaskFunctions } from '../tasks/task-proxy.js'
export type { App, AppEvents, AppStats, ExecutorFailure, ExecutorInfo } from './app.js'
export { connect } from './connect.js'
export type { ConnectOptions, ExecutorOptions } from './connect-options.js'
