import { pathPart } from '../../../runtime/pages/path-part.js'
import {
  isOutputName,
  type KeptLog,
  type OutputName,
  type Stretch,
  stretchOfAttempt,
} from '../logs/kept-log.js'

/* Which part of which output an address means. */

export const logHref = (id: string): string => `/logs/${pathPart(id)}`
export const rawHref = (id: string, output: OutputName): string => `${logHref(id)}/${output}`

export function outputOf(query: URLSearchParams): OutputName {
  const asked = query.get('output') ?? ''
  return isOutputName(asked) ? asked : 'stdout'
}

/** `2.1`: generation 2, attempt 1. */
export const attemptName = ({ generation, attempt }: { generation: number; attempt: number }): string =>
  `${generation}.${attempt}`

/** The attempt that is asked for, or all that is kept. Undefined: there is no such attempt here. */
export function stretchOf(log: KeptLog, query: URLSearchParams): Stretch | undefined {
  const asked = query.get('attempt') ?? ''
  if (asked === '') return log.kept
  const match = /^(\d{1,9})\.(\d{1,9})$/.exec(asked)
  return match ? stretchOfAttempt(log, Number(match[1]), Number(match[2])) : undefined
}

/** A place in the output, in bytes ever written. */
export function placeOf(query: URLSearchParams, name: 'from' | 'before'): number | undefined {
  const text = query.get(name) ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
