import { failureOf } from '../../runtime/system/system-messages.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { RecoveryState } from '../messages/common.js'
import { oversizeOf, recordTooLarge } from '../messages/record-size.js'
import type { LogLocation, RequestLogLocation } from '../messages/status.js'
import * as executors from './application-executors.js'
import * as applications from './applications.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import type { PeerMasterMessage } from './peer-master-protocol.js'
import { workerReported } from './reports.js'
import type { ReplyToken, Step } from './step.js'
import * as submission from './submission.js'
import * as workers from './workers.js'

/** What needs no cluster state is answered before: who leads, and what Masters say to each other. */
export type RoutedMessage = Exclude<MasterMessage, PeerMasterMessage | { type: 'RequestMasterState' }>

export interface Delivery {
  readonly from: PeerInfo
  readonly reply: ReplyToken
  /** Code while the store refuses: new requests are refused with it (protocol 4.3). */
  readonly degradation: 'STORE_FULL' | 'STORE_UNAVAILABLE' | undefined
}

/** Each message of the catalogue to the room that handles it. */
export function route(
  cluster: ClusterState,
  step: Step,
  message: RoutedMessage,
  { from, reply, degradation }: Delivery,
): void {
  switch (message.type) {
    case 'RegisterWorker':
      workers.registerWorker(cluster, step, from, message)
      break
    case 'Heartbeat':
      workers.heartbeat(cluster, step, from, message)
      break
    case 'WorkerSchedulerStateResponse':
    case 'WorkerLatestState':
      workerReported(cluster, step, from, message)
      break
    case 'ExecutorStateChanged':
      executors.executorStateChanged(cluster, step, from, message)
      break
    case 'DriverStateChanged':
      submission.driverStateChanged(cluster, step, from, message)
      break
    case 'RegisterApplication':
      applications.registerApplication(cluster, step, from, message)
      break
    case 'MasterChangeAcknowledged':
      applications.masterChangeAcknowledged(cluster, step, from, message)
      break
    case 'UnregisterApplication':
      applications.unregisterApplication(cluster, step, from, message)
      break
    case 'RequestExecutors':
      executors.requestExecutors(cluster, step, from, message, reply)
      break
    case 'KillExecutors':
      executors.killExecutors(cluster, step, message, reply)
      break
    case 'ExecutorWorked':
      executors.executorWorked(cluster, step, from, message)
      break
    case 'RequestKillApplication':
      applications.killApplication(cluster, step, message, reply)
      break
    case 'RequestSubmitDriver': {
      const oversize = oversizeOf(message.description)
      // Drivers only when ALIVE (Spark 2.1): before, what is still unclaimed would look like room.
      if (!cluster.alive) step.replyNow(reply, notLeader(cluster.config.address, cluster.state))
      else if (degradation) step.replyNow(reply, storeDegradation(degradation))
      else if (oversize) step.replyNow(reply, failureOf(recordTooLarge(oversize)))
      else if (!submission.knowsKey(cluster, message.key)) step.replyNow(reply, readingKeys)
      else submission.submitDriver(cluster, step, message, reply)
      break
    }
    case 'RequestKillDriver':
      if (!cluster.alive) step.replyNow(reply, notLeader(cluster.config.address, cluster.state))
      else submission.killDriverOnRequest(cluster, step, message, reply)
      break
    case 'RequestDriverStatus':
      // What is not known yet may still be brought back, by a Worker or another Master.
      if (!cluster.alive && !submission.isKnownDriver(cluster, message.driverId))
        step.replyNow(reply, notLeader(cluster.config.address, cluster.state))
      else submission.driverStatus(cluster, step, message, reply)
      break
    case 'RequestLogLocation':
      logLocation(cluster, step, message, reply)
      break
  }
}

export const notLeader = (address: string, state: RecoveryState, leader?: string) =>
  ({
    type: 'Failure',
    code: 'FIRESTEEL_NOT_LEADER',
    message: `the Master at ${address} is ${state}`,
    ...(leader !== undefined && { leader }),
  }) as const

const readingKeys = {
  type: 'Failure',
  code: 'FIRESTEEL_NOT_LEADER',
  message: 'the Master has just been elected and still reads the keys of ended drivers',
} as const

const storeDegradation = (code: 'STORE_FULL' | 'STORE_UNAVAILABLE') =>
  ({
    type: 'Failure',
    code: `FIRESTEEL_${code}`,
    message: code === 'STORE_FULL' ? 'the store has no room for a new record' : 'the store does not answer',
  }) as const

/** Where an output lies: on the Worker that runs it, or ran it. */
function logLocation(
  cluster: ClusterState,
  step: Step,
  message: RequestLogLocation,
  reply: ReplyToken,
): void {
  const { id } = message
  const workerId =
    cluster.drivers.get(id)?.record.workerId ??
    // It waits: its last output is where it failed last.
    cluster.launchFailures.of(id)[0]?.workerId ??
    cluster.endedDrivers.get(id)?.worker ??
    cluster.executorHomes.get(id)
  const worker = workerId ? cluster.workers.get(workerId) : undefined
  if (worker) {
    const location: LogLocation = {
      type: 'LogLocation',
      id,
      workerId: worker.id,
      worker: `firesteel://${worker.address}`,
    }
    step.reply(reply, location)
  } else if (workerId || cluster.drivers.has(id)) {
    const why = workerId ? `its worker ${workerId} is gone` : 'it has not been placed yet'
    step.reply(reply, {
      type: 'Failure',
      code: 'FIRESTEEL_NOT_ALLOWED',
      message: `${id} has no output: ${why}`,
    })
  } else {
    step.reply(reply, submission.unknownId(id))
  }
}
