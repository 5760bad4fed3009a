import { counted } from '../../runtime/pages/words.js'
import { applicationDeathOf, type Death, driverDeathOf, type ProcessDeath, processDeathOf } from './death.js'
import { applicationDeathText, driverDeathText, processDeathText } from './death-text.js'
import type { DriverEvent } from './driver-life.js'
import {
  ENDED_WITH_APPLICATION,
  type ExecutorEnd,
  type Wait,
  type WaitCause,
  type WorkerCondition,
} from './explanation.js'
import { conditionText, type Explained, NOTHING_TO_DO, waitText } from './explanation-text.js'
import type { ApplicationStatus, DriverStatus, WorkerStatus } from './status.js'
import { fitText, othersText } from './worker-fit-text.js'

/*
 * Why one thing waits, runs or has ended, with all that a reader is told of it. The command and the pages
 * show this, and only this.
 */

/** A Worker, and what keeps it from the thing. */
export interface ShownWorker {
  readonly workerId: string
  readonly host: string
  readonly text: string
}

export interface ShownExplanation extends Explained {
  readonly kind: 'driver' | 'application' | 'Worker'
  readonly id: string
  readonly name: string
  readonly state: string
  /** RUNS: it has what it wants. */
  readonly cause: WaitCause | Death | WorkerCondition | 'RUNS' | 'UNKNOWN'
  /** Whole sentences that say more. */
  readonly notes: readonly string[]
  /** Those that come nearest. */
  readonly workers: readonly ShownWorker[]
  /** All others; '' for none. */
  readonly others: string
  /** What happened to it, oldest first. */
  readonly events: readonly DriverEvent[]
}

const noWorkers = { workers: [], others: '' } as const

/** What is the same wherever something waits for a Worker. */
function waitParts(wait: Wait, nowMs: number) {
  const workers = wait.workers.map((fit) => ({
    workerId: fit.workerId,
    host: fit.host,
    text: fitText(fit, nowMs),
  }))
  return { cause: wait.cause, ...waitText(wait, nowMs), workers, others: othersText(wait) }
}

const harmless: ReadonlySet<ProcessDeath> = new Set(['FINISHED', 'UNSEEN'])

/** Of a driver that goes on: how its last process ended, unless that was as it should be. */
function lastExitNotes({ lastExit, restarts = 0 }: DriverStatus): string[] {
  if (!lastExit || harmless.has(processDeathOf(lastExit))) return []
  const { why, helps } = processDeathText(lastExit)
  const again = restarts > 0 ? `It was started again ${counted(restarts, 'time')}. ` : ''
  return [
    `${again}Its last process (generation ${lastExit.generation}, attempt ${lastExit.attempt}): ${why} ${helps}`,
  ]
}

export function driverExplained(driver: DriverStatus, nowMs: number): ShownExplanation {
  const { id, description, state, wait, submittedAtMs, events = [] } = driver
  const head = {
    kind: 'driver',
    id,
    name: description.name,
    state,
    events: [{ atMs: submittedAtMs, text: 'submitted' }, ...events],
  } as const
  if (driver.endedAtMs !== null) {
    return { ...head, cause: driverDeathOf(driver), ...driverDeathText(driver), notes: [], ...noWorkers }
  }
  const notes = lastExitNotes(driver)
  if (wait) return { ...head, ...waitParts(wait, nowMs), notes }
  const process = driver.pid === undefined ? '' : `, process ${driver.pid}`
  const why = `It runs on ${driver.worker ?? 'no Worker'} (generation ${driver.generation}${process}).`
  const helps = notes.length > 0 ? '' : NOTHING_TO_DO
  return { ...head, cause: 'RUNS', why, helps, notes, ...noWorkers }
}

const endedText = ({ execId, workerId, state, text }: ExecutorEnd): string =>
  `executor ${execId}${workerId === undefined ? '' : ` on ${workerId}`} ended ${state}${text === '' ? '' : `: ${text}`}`

/** Its executors, and whether it waits for more of them. */
function hasText(executors: number, { wants }: Wait): string[] {
  if (executors === 0) return []
  return [`It has ${counted(executors, 'executor')}${wants ? ', and would use more' : ''}.`]
}

export function applicationExplained(
  app: ApplicationStatus & { readonly executors: readonly unknown[] },
  nowMs: number,
): ShownExplanation {
  const { id, description, state, wait, executorEnds = [], executors } = app
  const events = [
    { atMs: app.submittedAtMs, text: 'registered' },
    // That the others ended with it goes without saying.
    ...executorEnds
      .filter(({ text }) => text !== ENDED_WITH_APPLICATION)
      .map((end) => ({ atMs: end.atMs, text: endedText(end) })),
    ...(app.endedAtMs === null ? [] : [{ atMs: app.endedAtMs, text: `ended ${state}` }]),
  ]
  const head = { kind: 'application', id, name: description.name, state, events } as const
  if (app.endedAtMs !== null) {
    return { ...head, cause: applicationDeathOf(app), ...applicationDeathText(app), notes: [], ...noWorkers }
  }
  if (wait) return { ...head, ...waitParts(wait, nowMs), notes: hasText(executors.length, wait) }
  const why = `It has all the executors that it wants: ${executors.length}.`
  return { ...head, cause: 'RUNS', why, helps: NOTHING_TO_DO, notes: [], ...noWorkers }
}

export function workerExplained(worker: WorkerStatus, nowMs: number): ShownExplanation {
  const { id, name, state, condition } = worker
  const head = { kind: 'Worker', id, name, state, events: [], ...noWorkers } as const
  if (!condition) return { ...head, cause: 'UNKNOWN', why: 'Nothing more is known.', helps: '', notes: [] }
  const notes = condition.failed.map(
    ({ subject, failure }) =>
      `${subject} failed there ${counted(failure.failures, 'time')} in a row: ${failure.failure.message}`,
  )
  return { ...head, cause: condition.condition, ...conditionText(condition, nowMs), notes }
}
