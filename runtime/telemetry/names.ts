/*
 * Every name that our spans have. Those of OpenTelemetry's semantic conventions (1.45: rpc, messaging,
 * process, service, error) keep their meaning there; ours begin with `firesteel.`.
 */

/** The instrumentation scope of all our spans. */
export const scopeName = 'firesteel'

/** Values of `rpc.system.name` and `messaging.system`. */
export const systemName = 'firesteel'

export const attributes = {
  // Resource
  serviceName: 'service.name',
  serviceNamespace: 'service.namespace',
  serviceInstanceId: 'service.instance.id',
  serviceVersion: 'service.version',
  hostName: 'host.name',
  processPid: 'process.pid',
  // Remote procedure calls: a request to a Master, a task
  rpcSystem: 'rpc.system.name',
  rpcMethod: 'rpc.method',
  // Messaging: an order that a Worker takes
  messagingSystem: 'messaging.system',
  messagingOperationName: 'messaging.operation.name',
  messagingOperationType: 'messaging.operation.type',
  messagingDestination: 'messaging.destination.name',
  // Processes
  processExecutable: 'process.executable.name',
  processExitCode: 'process.exit.code',
  errorType: 'error.type',
  // Ours
  role: 'firesteel.role',
  node: 'firesteel.node',
  epoch: 'firesteel.epoch',
  driverId: 'firesteel.driver.id',
  driverName: 'firesteel.driver.name',
  generation: 'firesteel.driver.generation',
  attempt: 'firesteel.attempt',
  applicationId: 'firesteel.application.id',
  applicationName: 'firesteel.application.name',
  executorId: 'firesteel.executor.id',
  taskId: 'firesteel.task.id',
  endState: 'firesteel.end.state',
  signal: 'firesteel.process.signal',
  cause: 'firesteel.cause',
  writes: 'firesteel.store.writes',
} as const

export const spanNames = {
  submitDriver: 'Master/RequestSubmitDriver',
  registerApplication: 'Master/RegisterApplication',
  persist: 'persist',
  launchDriver: 'launch driver',
  launchExecutor: 'launch executor',
  runDriver: 'run driver',
  runExecutor: 'run executor',
} as const

/** An event of a task's span: the task runs again. */
export const taskRepeated = 'firesteel.task.repeated'

/** The method of a task, as the conventions for calls write it: its module, then its function. */
export function taskMethod({ url, name }: { readonly url: string; readonly name: string }): string {
  const path = url.split(/[?#]/, 1)[0] as string
  return `${path.slice(path.lastIndexOf('/') + 1)}/${name}`
}
