import type { LogLocation, RequestLogLocation } from '../messages/status.js'
import type { ClusterState } from './cluster-state.js'
import type { ReplyToken, Step } from './step.js'
import { unknownId } from './submission.js'

/** Where an output lies: on the Worker that runs it, or ran it. */
export function logLocation(
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
    step.reply(reply, unknownId(id))
  }
}
