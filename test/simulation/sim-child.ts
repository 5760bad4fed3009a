import type { ResourceAddresses } from '../../actors/messages/common.js'
import type { WorkerEffect } from '../../actors/worker/worker-events.js'
import type { Place } from './place.js'

type DriverStart = Extract<WorkerEffect, { kind: 'startDriver' }>
export type ExecutorStart = Extract<WorkerEffect, { kind: 'startExecutor' }>
export type SimPlan = DriverStart | ExecutorStart

/** A process group of user code on a Worker's machine. It knows nothing of its Worker's mailbox. */
export interface SimChild {
  readonly process: string
  readonly plan: SimPlan
  readonly worker: Place
  readonly workerId: string
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAddresses
  readonly startedAtMs: number
}
