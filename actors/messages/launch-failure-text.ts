import { innerLimits } from '../../runtime/inner-limits.js'
import type { ResourceAmounts } from './common.js'
import type { FailedWorker, Waiting, WaitingReason } from './launch-failures.js'

/* Failed launches as text for people. */

/** The most Workers named in one sentence. */
const NAMED = innerLimits.namedWorkers

export function failedWorkerText(failed: FailedWorker): string {
  const { failure } = failed
  const output = failure.kind === 'exit' ? ` (its output: firesteel logs ${failure.output} --stderr)` : ''
  return `${failureText(failed)}${output}`
}

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

function reasonText(reason: WaitingReason, wants: string): string {
  switch (reason) {
    case 'NOT_LINKED':
      return 'its driver has no link to this Master'
    case 'NO_WORKER':
      return 'no Worker is alive'
    case 'TOO_LARGE':
      return `no Worker is as large as ${wants}`
    case 'NO_ROOM':
      return `no Worker has ${wants} free now`
    case 'LAUNCHES_FAILED':
    case 'ALL_EXCLUDED':
      return 'it could not be started'
  }
}

/** `wants`: what one launch needs. */
export function waitingText({ reason, workers }: Waiting, wants: string): string {
  const why = reasonText(reason, wants)
  if (workers.length === 0) return `waits: ${why}`
  const nextMs = Math.min(...workers.map(({ retryAtMs }) => retryAtMs))
  const failed = reason === 'LAUNCHES_FAILED' || reason === 'ALL_EXCLUDED' ? '' : '; it failed'
  const excluded = reason === 'ALL_EXCLUDED' ? '; every Worker that is large enough is excluded' : ''
  const next = `next try there from ${new Date(nextMs).toISOString()}`
  return `waits: ${why}${failed} ${workersText(workers)}${excluded}; ${next}`
}

/** What one launch needs. */
export function wantsText(wanted: { cores: number; memoryMib: number; resources: ResourceAmounts }): string {
  const custom = Object.entries(wanted.resources).map(([name, amount]) => `, ${amount} ${name}`)
  return `${wanted.cores} ${wanted.cores === 1 ? 'core' : 'cores'}, ${wanted.memoryMib} MiB${custom.join('')}`
}
