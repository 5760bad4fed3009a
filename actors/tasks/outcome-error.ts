import { FiresteelError, isFiresteelError, reasonOf } from '../../runtime/errors.js'
import { decodeError } from '../messages/task-error.js'
import { placed, type TaskPlace } from './call-site.js'
import type { TaskEnd, TaskOutcome } from './dispatch-types.js'

/** The error that the caller of a task gets for every end but a value. `fn` is the name of the function. */
export function errorOf({ end, attempts }: TaskOutcome, fn: string, place: TaskPlace): Error {
  const name = place.index === undefined ? fn : `${fn} (input ${place.index})`
  const cause = end.kind === 'failed' ? decodeError(end.body) : undefined
  const error = made(end, name, attempts, cause)
  return placed(error, place, error === cause)
}

function made(end: TaskEnd, name: string, attempts: number, cause: Error | undefined): Error {
  switch (end.kind) {
    case 'failed':
      return failed(end, name, attempts, cause as Error)
    case 'cancelled':
      return new FiresteelError('TASK_CANCELLED', `The task ${name} was cancelled: ${end.reason}.`)
    case 'closed':
      return new FiresteelError(
        end.code ?? 'APPLICATION_CLOSED',
        `The task ${name} had not ended: ${end.reason.replace(/\.$/, '')}.`,
      )
    case 'quarantined':
      return new FiresteelError(
        'TASK_QUARANTINED',
        `The task ${name} was running on the executors ${end.executors.join(', ')} when they died; it is not run again.`,
      )
    case 'unknown':
      return new FiresteelError(
        'TASK_OUTCOME_UNKNOWN',
        `The task ${name} may have run: its ${end.lost} was lost (${end.why}), and retries: 0 forbids another try.`,
      )
    case 'value':
      return new FiresteelError('INTERNAL', `The task ${name} has a value.`)
  }
}

/** What went wrong, for people who look at many tasks: the task's own error, or why it has none. */
export function endText({ end }: TaskOutcome): string {
  switch (end.kind) {
    case 'failed': {
      if (end.cause === 'timeout') return 'It ran longer than its timeout.'
      const { name, message } = decodeError(end.body)
      return name === 'Error' ? message : `${name}: ${message}`
    }
    case 'quarantined':
      return `It was running on the executors ${end.executors.join(', ')} when they died.`
    case 'unknown':
      return `Its ${end.lost} was lost, and retries: 0 forbids another try.`
    case 'cancelled':
    case 'closed':
      return end.reason
    case 'value':
      return ''
  }
}

type Failed = Extract<TaskEnd, { kind: 'failed' }>

function failed(end: Failed, name: string, attempts: number, cause: Error): Error {
  const times = attempts === 1 ? '' : ` ${attempts} times`
  if (end.thrown !== undefined) {
    const { error } = end.thrown
    const message = `retryIf threw when it was asked about a failure of the task ${name} (${cause.message}): ${reasonOf(error)}`
    return new FiresteelError('CALLBACK_FAILED', message, { cause: error, place: 'retryIf' })
  }
  if (end.cause === 'timeout') {
    return new FiresteelError('TASK_TIMEOUT', `The task ${name} ran longer than its timeout${times}.`, {
      cause,
    })
  }
  // An error of Firesteel itself needs no other around it.
  if (isFiresteelError(cause) && (end.cause === 'permanent' || isFiresteelError(cause, 'TASK_FAILED')))
    return cause
  return new FiresteelError('TASK_FAILED', `The task ${name} failed${times}: ${cause.message}`, { cause })
}
