import { FiresteelError } from '../../runtime/errors.js'
import { checkKnownOptions } from '../../runtime/known-options.js'
import { limits } from '../../runtime/limits.js'
import { DURATION_MS_MAX, parseDurationMs } from '../../runtime/units.js'
import type { Backoff } from './dispatch-types.js'

/** The waits between the attempts of a task that fails. */
export interface BackoffOptions {
  /** Before the second attempt: a duration or milliseconds; default 100 ms. */
  readonly first?: string | number
  /** By which each wait is longer than the one before; default 2. */
  readonly factor?: number
  /** The longest wait; default 30 s, or `first` if that is longer. */
  readonly most?: string | number
  /** Share of each wait that is random, from 0 to 1; default 0.5. */
  readonly jitter?: number
}

const names = ['first', 'factor', 'most', 'jitter'] as const satisfies (keyof BackoffOptions)[]

/** `true` is the default, a duration its `first`; `false` or 0 is no wait (undefined). Throws USAGE. */
export function backoffOf(value: unknown, help: string): Backoff | undefined {
  if (value === false) return undefined
  if (typeof value === 'string' || typeof value === 'number') {
    const firstMs = parseDurationMs(value, { what: 'backoff' })
    return firstMs === 0 ? undefined : fromOptions({ first: firstMs }, help)
  }
  if (value === true) return fromOptions({}, help)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const message = `backoff is ${String(value)}; it must be an object, a duration, true or false.`
    throw new FiresteelError('USAGE', message, { place: 'backoff', help })
  }
  checkKnownOptions(value, { what: 'backoff', names, help })
  return fromOptions(value, help)
}

function fromOptions(options: BackoffOptions, help: string): Backoff {
  const { first, factor = limits.taskBackoffFactor, most, jitter = limits.taskBackoffJitter } = options
  const firstMs = first === undefined ? limits.taskBackoffFirstMs : durationOf('first', first, help)
  const mostMs =
    most === undefined ? Math.max(limits.taskBackoffMostMs, firstMs) : durationOf('most', most, help)
  if (mostMs < firstMs) refuse('most', `${mostMs} ms`, `no less than first, which is ${firstMs} ms`, help)
  checkNumber('factor', factor, 1, 1000, help)
  checkNumber('jitter', jitter, 0, 1, help)
  return { firstMs, factor, mostMs, jitter }
}

function durationOf(name: string, value: unknown, help: string): number {
  const ms =
    typeof value === 'string' || typeof value === 'number'
      ? parseDurationMs(value, { what: `backoff.${name}` })
      : 0
  if (ms < 1) refuse(name, String(value), 'a duration from 1ms; backoff: false means no wait', help)
  return Math.min(ms, DURATION_MS_MAX)
}

function checkNumber(name: string, value: unknown, least: number, most: number, help: string): void {
  if (typeof value === 'number' && value >= least && value <= most) return
  refuse(name, String(value), `a number from ${least} to ${most}`, help)
}

function refuse(name: string, value: string, rule: string, help: string): never {
  const place = `backoff.${name}`
  throw new FiresteelError('USAGE', `${place} is ${value}; it must be ${rule}.`, { place, help })
}
