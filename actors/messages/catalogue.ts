import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { isOddLength } from '../../runtime/odd-length.js'
import type { CheckedMessage } from '../../runtime/transport/gateway.js'
import type * as z from '../../runtime/zod.js'
import * as applications from './applications.js'
import * as code from './code.js'
import { failure } from './common.js'
import * as deployments from './deployments.js'
import * as drains from './drains.js'
import * as drivers from './drivers.js'
import * as executors from './executors.js'
import * as launchers from './launchers.js'
import * as leadership from './leadership.js'
import * as masters from './masters.js'
import { pageTicket, requestPageTicket } from './pages.js'
import * as status from './status.js'
import { tasksSummarized } from './task-summary.js'
import * as tokens from './tokens.js'
import { requestTrace, traceChunk } from './trace.js'
import * as upgrade from './upgrade.js'
import * as workerRestart from './worker-restart.js'
import * as workers from './workers.js'

/*
 * The catalogue: every message that crosses a process boundary, by receiver. Messages are validated once, on
 * arrival. A message that is not listed for its receiver is dropped, counted and logged with its sender.
 * Fields that a schema does not know are left out, because a release with the same protocol may have more of
 * them; a description that is stored keeps them.
 */

/** Worker -> Master. */
const fromWorker = [
  workers.registerWorker,
  workers.heartbeat,
  workers.workerSchedulerStateResponse,
  workers.workerLatestState,
  executors.executorStateChanged,
  drivers.driverStateChanged,
  drivers.driverProgressed,
  drains.workerDecommissioning,
  workerRestart.workerRestartRefused,
  code.codeHeld,
  leadership.staleEpoch,
  masters.positionSeen,
] as const

/** ClientEndpoint -> Master. */
const fromApplication = [
  applications.registerApplication,
  applications.unregisterApplication,
  applications.masterChangeAcknowledged,
  applications.requestExecutors,
  applications.killExecutors,
  applications.executorWorked,
] as const

/** Launcher -> Master. */
const fromLauncher = [launchers.registerLauncher, launchers.launcherOrderChanged] as const

/** Commands, and any holder of the client's key -> Master. */
const fromCommand = [
  applications.requestKillApplication,
  drivers.requestSubmitDriver,
  drivers.requestKillDriver,
  drivers.requestRestartDriver,
  drivers.requestDriverStatus,
  drains.decommissionWorkers,
  drains.recommissionWorkers,
  launchers.requestLaunchers,
  deployments.requestDeployment,
  deployments.requestHistory,
  deployments.beginDeployment,
  deployments.endDeployment,
  deployments.deploySubmission,
  launchers.requestLauncherOrder,
  workerRestart.requestRestartWorker,
  upgrade.requestFinishUpgrade,
  code.requestCodePlan,
  status.requestMasterState,
  status.requestLogLocation,
  tokens.requestCreateToken,
  tokens.requestTokens,
  tokens.requestRevokeToken,
  tokens.requestIdentity,
] as const

/** Master -> Master. */
const fromMaster = [
  leadership.masterChanged,
  leadership.masterInStandby,
  masters.leaderPulse,
  masters.standbyPulse,
  masters.requestLostTail,
  masters.lostTail,
  masters.tailTaken,
  masters.handOver,
  masters.released,
  tokens.tokensInForce,
] as const

const toMaster = [...fromMaster, ...fromWorker, ...fromApplication, ...fromLauncher, ...fromCommand] as const

const toWorker = [
  leadership.masterChanged,
  leadership.masterInStandby,
  workers.registeredWorker,
  workers.registerWorkerFailed,
  workers.reconnectWorker,
  workers.heartbeatAck,
  workers.changesAcknowledged,
  executors.launchExecutor,
  executors.killExecutor,
  executors.applicationFinished,
  drivers.launchDriver,
  drivers.killDriver,
  drivers.restartDriver,
  drains.decommissionWorker,
  workerRestart.restartWorker,
  code.keepCode,
  tokens.tokensInForce,
  status.requestLog,
  status.stopLog,
] as const

const toClient = [
  leadership.masterChanged,
  leadership.masterInStandby,
  applications.registeredApplication,
  applications.unregisteredApplication,
  applications.applicationRemoved,
  applications.executorsAnswer,
  applications.killApplicationResponse,
  executors.executorAdded,
  executors.executorUpdated,
  executors.workerRemoved,
  drivers.submitDriverResponse,
  drivers.killDriverResponse,
  drivers.restartDriverResponse,
  drivers.driverStatusResponse,
  drains.decommissionWorkersResponse,
  drains.recommissionWorkersResponse,
  launchers.launchersResponse,
  deployments.deploymentResponse,
  deployments.historyResponse,
  deployments.deploymentBegun,
  deployments.deploymentEnded,
  deployments.submissionDeployed,
  launchers.launcherOrderState,
  launchers.orderLauncher,
  workerRestart.restartWorkerResponse,
  upgrade.finishUpgradeResponse,
  code.codePlan,
  status.masterStateResponse,
  status.logLocation,
  status.logChunk,
  tokens.tokenCreated,
  tokens.tokens,
  tokens.tokenRevoked,
  tokens.identity,
  failure,
] as const

export type FromMaster = z.infer<(typeof fromMaster)[number]>
export type FromWorker = z.infer<(typeof fromWorker)[number]>
export type FromLauncher = z.infer<(typeof fromLauncher)[number]>
export type FromApplication = z.infer<(typeof fromApplication)[number]>
export type MasterMessage = z.infer<(typeof toMaster)[number]>
export type WorkerMessage = z.infer<(typeof toWorker)[number]>
export type ClientMessage = z.infer<(typeof toClient)[number]>

type Schema = z.ZodType<{ type: string }> & { shape: { type: z.ZodLiteral<string> } }

const byType = (schemas: readonly unknown[]): ReadonlyMap<string, Schema> =>
  new Map((schemas as readonly Schema[]).map((schema) => [schema.shape.type.value, schema]))

/* The shells handle these beside the cores, so no core's message type has them. */
export const catalogue = {
  master: byType([
    ...toMaster,
    requestTrace,
    traceChunk,
    requestPageTicket,
    tokens.requestTokenSecret,
    tokens.requestWorkerCredential,
    tasksSummarized,
  ]),
  worker: byType([...toWorker, requestTrace]),
  client: byType([
    ...toClient,
    requestTrace,
    traceChunk,
    pageTicket,
    tokens.tokenSecret,
    tokens.workerCredential,
  ]),
} as const

export type Receiver = keyof typeof catalogue

/** What is answered: those who ask anything else would wait for nothing. */
const questions: Readonly<Record<Receiver, ReadonlyMap<string, Schema>>> = {
  master: byType([
    ...fromCommand,
    applications.requestExecutors,
    applications.killExecutors,
    requestTrace,
    requestPageTicket,
    tokens.requestTokenSecret,
    tokens.requestWorkerCredential,
  ]),
  worker: byType([requestTrace]),
  client: byType([requestTrace]),
}

export const isQuestion = (receiver: Receiver, type: string): boolean => questions[receiver].has(type)

/** Of a reason: keys and paths in it are the peer's. */
const REASON_MAX = innerLimits.refusalChars

/** The option that zod's own `validate` uses: a list ends at the first wrong item. */
const firstOnly: z.core.ParseContext<z.core.$ZodIssue> & { readonly abortEarly: true } = { abortEarly: true }

/**
 * Why a message must not reach the schema: zod checks each key of an object, and throws at an odd `length`.
 */
function uncheckable(message: object): string | undefined {
  const open: object[] = [message]
  const add = (child: unknown): void => {
    if (typeof child === 'object' && child !== null) open.push(child)
  }
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (Array.isArray(value)) {
      for (const child of value) add(child)
      continue
    }
    let keys = 0
    for (const key in value) {
      if (++keys > limits.messageKeys) return `over ${limits.messageKeys} keys`
      const child = (value as Record<string, unknown>)[key]
      if (isOddLength(key, child)) return 'there is an object under `length`'
      add(child)
    }
  }
  return undefined
}

/**
 * Checks that `message` is in the catalogue of `receiver` and well-formed. What is returned has no field that
 * its schema does not name, but in descriptions that are stored: whoever keeps a part of a message, or makes
 * a record of it, keeps nothing that was not checked. The check ends at the first error. Its cost is bounded
 * by the number of values (limits.messageItems), whether the message is well-formed or not.
 */
export function checked(receiver: Receiver, message: unknown): CheckedMessage {
  if (typeof message !== 'object' || message === null) return { reason: 'not an object' }
  const type: unknown = (message as { type?: unknown }).type
  if (typeof type !== 'string') return { reason: 'no type' }
  const schema = catalogue[receiver].get(type)
  if (!schema) return { reason: `unknown type ${JSON.stringify(type.slice(0, 64))}` }
  const reason = uncheckable(message)
  if (reason !== undefined) return { reason: `${type}: ${reason}` }
  const parsed = schema.safeParse(message, firstOnly)
  if (parsed.success) return { message: parsed.data as { readonly type: string } }
  const issue = parsed.error.issues[0]
  return {
    reason: `${type}: ${issue?.path.join('.') || '(message)'}: ${issue?.message}`.slice(0, REASON_MAX),
  }
}

/** Why `message` is refused; undefined: it is not. */
export const violation = (receiver: Receiver, message: unknown): string | undefined =>
  checked(receiver, message).reason
