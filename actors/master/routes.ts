import { failureOf } from '../../runtime/system/system-messages.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import type { Role } from '../../runtime/transport/identity.js'
import type { TokenRole } from '../../runtime/transport/token.js'
import type { FromLauncher, FromMaster, FromWorker, MasterMessage } from '../messages/catalogue.js'
import type { Position } from '../messages/common.js'
import type { RequestSubmitDriver } from '../messages/drivers.js'
import { oversizeOf, recordTooLarge } from '../messages/record-size.js'
import type { RequestMasterState } from '../messages/status.js'
import * as executors from './application-executors.js'
import * as applications from './applications.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { codeHeld, planCode } from './code.js'
import type { CommitQueueView } from './commit-queue-view.js'
import { deploySubmission } from './deployed-drivers.js'
import * as deployments from './deployments.js'
import * as drains from './drains.js'
import { driverProgressed } from './driver-progress.js'
import { driverStateChanged } from './driver-reports.js'
import * as launchers from './launchers.js'
import { logLocation } from './log-location.js'
import { takeLostTail } from './lost-writes/intake.js'
import type { Heard, PeerMasterProtocol } from './peer-master-protocol.js'
import { notLeader, readingKeys } from './refusals.js'
import { workerReported } from './reports.js'
import type { ReplyToken, Step } from './step.js'
import * as submission from './submission.js'
import * as tokens from './tokens.js'
import { finishUpgrade } from './upgrade.js'
import { askRestart, restartRefused } from './worker-restart.js'
import * as workers from './workers.js'

/* One route for each message that a Master receives: what the message demands, and who handles it. */

/** What a handler is given beside the message. */
export interface Received {
  readonly step: Step
  readonly from: PeerInfo
  /** Of the Master that sent it; nothing where the sender is none. */
  readonly position: Position | undefined
  readonly reply: ReplyToken
  /** The span that it belongs to. */
  readonly trace: TraceContext | undefined
  readonly commitQueue: CommitQueueView
  readonly peerMasters: PeerMasterProtocol
  /** Undefined: this Master does not lead. */
  readonly cluster: ClusterState | undefined
  /** With StandbyPulse: its sender has shown that it reads the store. */
  readonly isProven: boolean
  heard(): Heard
  answerState(message: RequestMasterState): void
}

/** What the handlers of a leader are given. */
export interface ReceivedByLeader extends Received {
  readonly cluster: ClusterState
}

/**
 * Which peers may send it. `master` and `launcher` need the node key (protocol S6), and `node` that or the
 * token of a Worker, which the gateway checks; a `master` or `launcher` has linked as one as well, which the
 * core checks. `anybody` needs a client's key.
 */
type Sender<T> = T extends FromMaster['type']
  ? 'master'
  : T extends FromLauncher['type']
    ? 'launcher'
    : T extends FromWorker['type']
      ? 'node'
      : 'anybody'

interface Demands<T> {
  readonly sender: Sender<T>
  /** Only, and always, where anybody may send it: the least role of a client's token that may. */
  readonly least?: TokenRole
  /**
   * Absent: it may write. `reads`: it changes nothing, so while the store is degraded it is answered from
   * memory, marked stale (protocol 15). `beats`: it changes nothing that is written or shown, so it is taken
   * however much waits for the store.
   */
  readonly access?: 'reads' | 'beats'
  /** It brings a new record: it is refused while the store refuses writes (protocol 4.3). */
  readonly brings?: 'record'
  /**
   * A program of the cluster may send it as well, about itself and its own applications. All else that
   * anybody may send is for people and their tools.
   */
  readonly driver?: 'may'
  /** It costs time to answer: the shell answers a little at a time, and each link in its turn. */
  readonly pace?: 'in turn'
}

/** `master` says what this Master must be: `any`, a `leader`, or ALIVE; any other Master names the leader. */
type Route<M extends { readonly type: string }> = Demands<M['type']> &
  (
    | { readonly master: 'any'; readonly handle: (received: Received, message: M) => void }
    | {
        readonly master: 'leader' | 'ALIVE'
        readonly handle: (received: ReceivedByLeader, message: M) => void
      }
  )

type Routes = { readonly [T in MasterMessage['type']]: Route<Extract<MasterMessage, { readonly type: T }>> }

const routes: Routes = {
  // Masters to each other.
  MasterChanged: {
    sender: 'master',
    master: 'any',
    handle: (received, message) => received.peerMasters.masterChanged(received, message),
  },
  MasterInStandby: {
    sender: 'master',
    master: 'any',
    handle: (received, message) => received.peerMasters.masterInStandby(received, message),
  },
  LeaderPulse: {
    sender: 'master',
    master: 'any',
    handle: (received, message) => received.peerMasters.leaderPulse(received, message),
  },
  StandbyPulse: {
    sender: 'master',
    master: 'any',
    handle: (received, message) => received.peerMasters.standbyPulse(received, message),
  },
  RequestLostTail: {
    sender: 'master',
    master: 'any',
    handle: (received, message) => received.peerMasters.requestLostTail(received, message),
  },
  LostTail: {
    sender: 'master',
    master: 'any',
    handle: ({ cluster, step, from, commitQueue }, message) => {
      if (cluster) takeLostTail(cluster, step, from.incarnation, message, commitQueue)
    },
  },
  TailTaken: {
    sender: 'master',
    master: 'any',
    handle: (received) => received.peerMasters.tailTaken(received),
  },
  HandOver: {
    sender: 'master',
    master: 'any',
    handle: (received) => received.peerMasters.handOver(received),
  },
  Released: {
    sender: 'master',
    master: 'any',
    handle: (received, message) => received.peerMasters.released(received, message),
  },
  TokensInForce: {
    sender: 'master',
    master: 'any',
    handle: ({ step }, { ids }) => step.emit({ event: 'tokensInForce', ids }),
  },

  // Workers.
  PositionSeen: {
    sender: 'node',
    master: 'any',
    handle: (received, message) => received.peerMasters.positionSeen(received, message),
  },
  StaleEpoch: {
    sender: 'node',
    master: 'any',
    handle: (received, message) => received.peerMasters.staleEpoch(received, message),
  },
  RegisterWorker: {
    sender: 'node',
    master: 'leader',
    handle: ({ cluster, step, from }, message) => workers.registerWorker(cluster, step, from, message),
  },
  Heartbeat: {
    sender: 'node',
    master: 'leader',
    access: 'beats',
    handle: ({ cluster, step, from }, message) => workers.heartbeat(cluster, step, from, message),
  },
  WorkerSchedulerStateResponse: {
    sender: 'node',
    master: 'leader',
    handle: ({ cluster, step, from }, message) => workerReported(cluster, step, from, message),
  },
  WorkerLatestState: {
    sender: 'node',
    master: 'leader',
    handle: ({ cluster, step, from }, message) => workerReported(cluster, step, from, message),
  },
  ExecutorStateChanged: {
    sender: 'node',
    master: 'leader',
    handle: ({ cluster, step, from }, message) =>
      executors.executorStateChanged(cluster, step, from, message),
  },
  DriverStateChanged: {
    sender: 'node',
    master: 'leader',
    handle: ({ cluster, step, from }, message) => driverStateChanged(cluster, step, from, message),
  },
  DriverProgressed: {
    sender: 'node',
    master: 'leader',
    handle: ({ cluster, step, from }, message) => driverProgressed(cluster, step, from, message),
  },

  WorkerDecommissioning: {
    sender: 'node',
    master: 'leader',
    handle: ({ cluster, step, from }, message) => drains.workerDecommissioning(cluster, step, from, message),
  },
  WorkerRestartRefused: {
    sender: 'node',
    master: 'leader',
    access: 'beats',
    handle: ({ cluster, step, from }, message) => restartRefused(cluster, step, from, message),
  },
  CodeHeld: {
    sender: 'node',
    master: 'leader',
    handle: ({ cluster, step, from }, message) => codeHeld(cluster, step, from, message),
  },

  // Launchers.
  RegisterLauncher: {
    sender: 'launcher',
    master: 'leader',
    handle: ({ cluster, step, from }, message) => launchers.registerLauncher(cluster, step, from, message),
  },
  LauncherOrderChanged: {
    sender: 'launcher',
    master: 'leader',
    handle: ({ cluster, from }, message) => launchers.launcherOrderChanged(cluster, from, message),
  },

  // Applications.
  RegisterApplication: {
    sender: 'anybody',
    least: 'submit',
    driver: 'may',
    master: 'leader',
    handle: ({ cluster, step, from, trace }, message) =>
      applications.registerApplication(cluster, step, from, message, trace),
  },
  MasterChangeAcknowledged: {
    sender: 'anybody',
    least: 'submit',
    driver: 'may',
    master: 'leader',
    handle: ({ cluster, step, from }, message) =>
      applications.masterChangeAcknowledged(cluster, step, from, message),
  },
  UnregisterApplication: {
    sender: 'anybody',
    least: 'submit',
    driver: 'may',
    master: 'leader',
    handle: ({ cluster, step, from }, message) =>
      applications.unregisterApplication(cluster, step, from, message),
  },
  RequestExecutors: {
    sender: 'anybody',
    least: 'submit',
    driver: 'may',
    master: 'leader',
    handle: ({ cluster, step, from, reply }, message) =>
      executors.requestExecutors(cluster, step, from, message, reply),
  },
  KillExecutors: {
    sender: 'anybody',
    least: 'submit',
    driver: 'may',
    master: 'leader',
    handle: ({ cluster, step, reply }, message) => executors.killExecutors(cluster, step, message, reply),
  },
  ExecutorWorked: {
    sender: 'anybody',
    least: 'submit',
    driver: 'may',
    master: 'leader',
    handle: ({ cluster, step, from }, message) => executors.executorWorked(cluster, step, from, message),
  },

  // Commands.
  RequestKillApplication: {
    sender: 'anybody',
    least: 'submit',
    driver: 'may',
    master: 'leader',
    handle: ({ cluster, step, from, reply }, message) =>
      applications.killApplication(cluster, step, from, message, reply),
  },
  // Drivers only when ALIVE (Spark 2.1): before, what is still unclaimed would look like room.
  RequestSubmitDriver: {
    sender: 'anybody',
    least: 'submit',
    master: 'ALIVE',
    brings: 'record',
    handle: submit,
  },
  RequestCodePlan: {
    sender: 'anybody',
    least: 'submit',
    master: 'ALIVE',
    access: 'reads',
    handle: ({ cluster, step, reply }, message) => planCode(cluster, step, message, reply),
  },
  RequestKillDriver: {
    sender: 'anybody',
    least: 'submit',
    driver: 'may',
    master: 'ALIVE',
    handle: ({ cluster, step, from, reply }, message) =>
      submission.killDriverOnRequest(cluster, step, from, message, reply),
  },
  RequestRestartDriver: {
    sender: 'anybody',
    least: 'submit',
    driver: 'may',
    master: 'ALIVE',
    handle: ({ cluster, step, reply }, message) =>
      submission.restartDriverOnRequest(cluster, step, message, reply),
  },
  DecommissionWorkers: {
    sender: 'anybody',
    least: 'operate',
    master: 'ALIVE',
    handle: ({ cluster, step, reply }, message) => drains.decommissionWorkers(cluster, step, message, reply),
  },
  RecommissionWorkers: {
    sender: 'anybody',
    least: 'operate',
    master: 'ALIVE',
    handle: ({ cluster, step, reply }, message) => drains.recommissionWorkers(cluster, step, message, reply),
  },
  RequestDeployment: {
    sender: 'anybody',
    least: 'admin',
    master: 'ALIVE',
    access: 'reads',
    handle: ({ cluster, step, reply }, message) =>
      deployments.answerDeployment(cluster, step, message, reply),
  },
  RequestHistory: {
    sender: 'anybody',
    least: 'operate',
    master: 'leader',
    access: 'reads',
    handle: ({ cluster, step, reply }) => deployments.answerHistory(cluster, step, reply),
  },
  BeginDeployment: {
    sender: 'anybody',
    least: 'admin',
    master: 'ALIVE',
    brings: 'record',
    handle: ({ cluster, step, from, reply }, message) =>
      deployments.beginDeployment(cluster, step, from, message, reply),
  },
  EndDeployment: {
    sender: 'anybody',
    least: 'admin',
    master: 'ALIVE',
    handle: ({ cluster, step, from, reply }, message) =>
      deployments.endDeployment(cluster, step, from, message, reply),
  },
  DeploySubmission: {
    sender: 'anybody',
    least: 'admin',
    master: 'ALIVE',
    brings: 'record',
    handle: ({ cluster, step, from, reply }, message) =>
      deploySubmission(cluster, step, from, message, reply),
  },
  RequestLaunchers: {
    sender: 'anybody',
    least: 'observe',
    master: 'leader',
    access: 'reads',
    pace: 'in turn',
    handle: ({ cluster, step, reply }, message) => launchers.answerLaunchers(cluster, step, message, reply),
  },
  RequestLauncherOrder: {
    sender: 'anybody',
    least: 'admin',
    master: 'leader',
    handle: ({ cluster, step, from, reply }, message) =>
      launchers.orderLauncher(cluster, step, from, message, reply),
  },
  // A Worker is asked only when all that it has is known.
  RequestRestartWorker: {
    sender: 'anybody',
    least: 'operate',
    master: 'ALIVE',
    handle: ({ cluster, step, reply }, message) => askRestart(cluster, step, message, reply),
  },
  RequestFinishUpgrade: {
    sender: 'anybody',
    least: 'admin',
    master: 'ALIVE',
    brings: 'record',
    handle: ({ cluster, step, peerMasters, reply }, message) =>
      finishUpgrade(cluster, step, message, peerMasters.formats(), reply),
  },
  RequestDriverStatus: {
    sender: 'anybody',
    least: 'observe',
    driver: 'may',
    master: 'leader',
    access: 'reads',
    handle: ({ cluster, step, reply }, message) => {
      // What is not known yet may still be brought back, by a Worker or another Master.
      if (!cluster.alive && !submission.isKnownDriver(cluster, message.driverId))
        step.replyNow(reply, notLeader(cluster.config.address, cluster.state))
      else submission.driverStatus(cluster, step, message, reply)
    },
  },
  RequestLogLocation: {
    sender: 'anybody',
    least: 'submit',
    driver: 'may',
    master: 'leader',
    access: 'reads',
    handle: ({ cluster, step, from, reply }, message) => logLocation(cluster, step, from, message, reply),
  },
  RequestIdentity: {
    sender: 'anybody',
    least: 'observe',
    driver: 'may',
    master: 'leader',
    access: 'reads',
    handle: ({ cluster, step, from, reply }) => step.reply(reply, tokens.identityOf(cluster, from)),
  },
  RequestTokens: {
    sender: 'anybody',
    least: 'admin',
    master: 'leader',
    access: 'reads',
    handle: ({ cluster, step, reply }) => tokens.listTokens(cluster, step, reply),
  },
  RequestCreateToken: {
    sender: 'anybody',
    least: 'admin',
    master: 'ALIVE',
    brings: 'record',
    handle: ({ cluster, step, from, reply }, message) =>
      tokens.createToken(cluster, step, from, message, reply),
  },
  RequestRevokeToken: {
    sender: 'anybody',
    least: 'admin',
    master: 'ALIVE',
    handle: ({ cluster, step, from, reply }, message) =>
      tokens.revokeToken(cluster, step, from, message, reply),
  },
  RequestMasterState: {
    sender: 'anybody',
    least: 'observe',
    driver: 'may',
    master: 'any',
    access: 'reads',
    pace: 'in turn',
    handle: (received, message) => received.answerState(message),
  },
}

function submit({ cluster, step, from, reply, trace }: ReceivedByLeader, message: RequestSubmitDriver): void {
  const oversize = oversizeOf(message.description)
  if (oversize) step.replyNow(reply, failureOf(recordTooLarge(oversize)))
  else if (!submission.knowsKey(cluster, message.key)) step.replyNow(reply, readingKeys)
  else submission.submitDriver(cluster, step, from, message, reply, trace)
}

const byType: ReadonlyMap<string, unknown> = new Map(Object.entries(routes))

/** Undefined: no Master handles this message. */
export const routeOf = <M extends MasterMessage>({ type }: M): Route<M> | undefined =>
  byType.get(type) as Route<M> | undefined

/** May a peer of this role send it? What has no route is judged by the catalogue alone. */
export function isAdmitted(role: Role, type: string): boolean {
  const route = byType.get(type) as Demands<MasterMessage['type']> | undefined
  // A Worker with a token is a Worker and nothing else.
  if (role === 'worker') return route?.sender === 'node'
  return role === 'node' || route === undefined || route.sender === 'anybody'
}
