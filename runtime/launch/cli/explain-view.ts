import {
  applicationExplained,
  driverExplained,
  type ShownExplanation,
  workerExplained,
} from '../../../actors/messages/explained.js'
import type { MasterStateResponse } from '../../../actors/messages/status.js'
import { errorCauses } from '../../error-causes.js'
import { type ErrorName, errorCodes } from '../../errors.js'
import { printable } from '../../observe/printable.js'
import { wrapped } from './text-table.js'

/* What `explain` prints. Pure: made from a Master's answer, or from the table of errors. */

/** The one thing of this state; undefined: there is none. With the values that its texts are made of. */
export function explanationOf(state: MasterStateResponse, nowMs: number) {
  const [driver] = [...state.activeDrivers, ...state.completedDrivers]
  const [app] = [...state.activeApps, ...state.completedApps]
  const [worker] = state.workers
  if (driver) {
    const {
      wait,
      endCause,
      killAsked,
      lastExit,
      exitCode,
      signal,
      generation,
      worker: on,
      restarts = 0,
    } = driver
    const values = { generation, worker: on, restarts, exitCode, signal, lastExit, wait, endCause, killAsked }
    return { shown: driverExplained(driver, nowMs), values }
  }
  if (app) {
    const { wait, endCause, killAsked, executorEnds, driver: of, executors } = app
    const values = { driver: of, executors: executors.length, executorEnds, wait, endCause, killAsked }
    return { shown: applicationExplained(app, nowMs), values }
  }
  if (worker) return { shown: workerExplained(worker, nowMs), values: { condition: worker.condition } }
  return undefined
}

const isoTime = (ms: number): string => new Date(ms).toISOString()

export function explanationJson({ shown, values }: NonNullable<ReturnType<typeof explanationOf>>) {
  const events = shown.events.map(({ atMs, epoch, text }) => ({
    at: isoTime(atMs),
    ...(epoch !== undefined && { epoch }),
    text,
  }))
  return { ...shown, events, ...values }
}

const kinds = { driver: 'Driver', application: 'Application', Worker: 'Worker' } as const

/** As a person knows it, and as the cluster does. */
export const titleOf = ({ kind, id, name }: ShownExplanation): string => `${kinds[kind]} ${name} (${id})`

const paragraph = (text: string, columns: number): string[] => ['', ...wrapped(printable(text), columns)]

/** For people, within the width of their window. */
export function explanationText(shown: ShownExplanation, columns: number): string {
  const { state, why, notes, helps, workers, others, events } = shown
  const lines = [printable(`${titleOf(shown)}: ${state}`)]
  lines.push('', 'Why:', ...wrapped(printable(why), columns))
  for (const note of notes) lines.push(...paragraph(note, columns))
  if (helps !== '') lines.push('', 'What helps:', ...wrapped(printable(helps), columns))
  if (workers.length > 0 || others !== '') {
    lines.push('', 'Workers:')
    for (const { workerId, host, text } of workers) {
      lines.push(printable(`  ${workerId} (${host}):`))
      lines.push(...wrapped(printable(text), columns - 2).map((line) => `  ${line}`))
    }
    if (others !== '') lines.push(`  ${others}`)
  }
  if (events.length > 0) {
    lines.push('', 'What happened:')
    for (const { atMs, epoch, text } of events) {
      const under = epoch === undefined ? '' : ` (epoch ${epoch})`
      lines.push(printable(`  ${isoTime(atMs)}  ${text}${under}`))
    }
  }
  return `${lines.join('\n')}\n`
}

export const codeJson = (name: ErrorName) => {
  const { meaning, help, exit } = errorCodes[name]
  return { code: `FIRESTEEL_${name}`, meaning, cause: errorCauses[name], help, exit }
}

export function codeText(name: ErrorName, columns: number): string {
  const { code, meaning, cause, help, exit } = codeJson(name)
  const part = (title: string, text: string): string[] => ['', `${title}:`, ...wrapped(text, columns)]
  return `${[
    code,
    ...part('What happened', meaning),
    ...part('Mostly because', cause),
    ...part('What helps', help),
    ...part('A command that ends with it has the exit code', String(exit)),
  ].join('\n')}\n`
}
