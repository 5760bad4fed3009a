import { innerLimits } from '../../runtime/inner-limits.js'
import { memoryText } from '../../runtime/pages/words.js'
import type { Labels, ResourceAmounts } from './common.js'
import type { FailedWorker, LaunchFailure, Waiting } from './launch-failures.js'

/* Failed launches as text for people. */

/** The most Workers named in one sentence. */
const NAMED = innerLimits.namedWorkers

/** What happened, and where its output is. */
export const failureReason = ({ failure }: Pick<FailedWorker, 'failure'>): string =>
  `${failure.message}${outputText(failure)}`

const outputText = (failure: LaunchFailure): string =>
  failure.kind === 'exit' ? ` (its output: firesteel logs ${failure.output} --stderr)` : ''

export const failedWorkerText = (failed: FailedWorker): string =>
  `${failureText(failed)}${outputText(failed.failure)}`

const failureText = ({ workerId, host, failure }: FailedWorker): string =>
  `on ${workerId} (${host}): ${failure.message}`

function workersText(workers: readonly FailedWorker[], textOf = failedWorkerText): string {
  const named = workers.slice(0, NAMED).map((worker) => textOf(worker))
  const more = workers.length > NAMED ? [`and on ${workers.length - NAMED} more`] : []
  return [...named, ...more].join('; ')
}

/** Why an application has ended FAILED. */
export const endText = (failures: number, workers: readonly FailedWorker[]): string =>
  `${failures} executors in a row failed, and every Worker that is large enough is excluded: ${workersText(workers)}`

/** For a driver that was launched again. It names no output: `logs` shows that of its present place. */
export const againText = (workers: readonly FailedWorker[]): string =>
  workers.length === 0 ? '' : `launched again; it failed ${workersText(workers, failureText)}`

function reasonText({ reason, workers: failed }: Waiting, { what, workers }: Wants): string {
  switch (reason) {
    case 'NOT_LINKED':
      return 'its driver has no link to this Master'
    case 'NO_WORKER':
      return 'no Worker is alive'
    case 'NO_LABEL':
      return `there is no ${workers}`
    case 'TOO_LARGE':
      return `no ${workers} is as large as ${what}`
    case 'DRAINING':
      return `each ${workers} that is as large as ${what} is drained or being stopped`
    case 'NO_ROOM':
      return `no ${workers} has ${what} free now`
    case 'LAUNCHES_FAILED':
    case 'ALL_EXCLUDED':
      return failed.some(({ failure }) => failure.kind === 'start') ? 'it could not be started' : 'it failed'
  }
}

export function waitingText(waiting: Waiting, wants: Wants): string {
  const { reason, workers } = waiting
  const why = reasonText(waiting, wants)
  if (workers.length === 0) return `waits: ${why}`
  const nextMs = Math.min(...workers.map(({ retryAtMs }) => retryAtMs))
  const failed = reason === 'LAUNCHES_FAILED' || reason === 'ALL_EXCLUDED' ? '' : '; it failed'
  const excluded = reason === 'ALL_EXCLUDED' ? '; every Worker that is large enough is excluded' : ''
  const next = `next try there from ${new Date(nextMs).toISOString()}`
  return `waits: ${why}${failed} ${workersText(workers)}${excluded}; ${next}`
}

/** What one launch needs, and where, in words. */
export interface Wants {
  /** `1 core, 128 MiB` */
  readonly what: string
  /** `Worker`, or `Worker with zone=a` */
  readonly workers: string
}

interface Wanted {
  readonly cores: number
  readonly memoryMib: number
  readonly resources: ResourceAmounts
  readonly on?: Labels | undefined
}

export function wantsText(wanted: Wanted): Wants {
  const custom = Object.entries(wanted.resources).map(([name, amount]) => `, ${amount} ${name}`)
  const what = `${wanted.cores} ${wanted.cores === 1 ? 'core' : 'cores'}, ${memoryText(wanted.memoryMib)}${custom.join('')}`
  const on = labelsText(wanted.on ?? {})
  return { what, workers: on === '' ? 'Worker' : `Worker with ${on}` }
}

/** As they are given on a command line; '' for none. */
export const labelsText = (labels: Labels): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')
