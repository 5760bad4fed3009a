import { FiresteelError } from '../../errors.js'
import { codedError } from '../../redis/coded-error.js'
import { failureOf } from '../../redis/reply.js'
import type { Refused, StoreDegradation, Unknown } from '../engine.js'

/** Error replies that mean "not applied" (protocol 4.3), and what clients get for them. */
const refusals: Readonly<Record<string, StoreDegradation>> = {
  OOM: 'STORE_FULL',
  MISCONF: 'STORE_UNAVAILABLE',
  NOREPLICAS: 'STORE_UNAVAILABLE',
  READONLY: 'STORE_UNAVAILABLE',
  LOADING: 'STORE_UNAVAILABLE',
  MASTERDOWN: 'STORE_UNAVAILABLE',
  BUSY: 'STORE_UNAVAILABLE',
  CLUSTERDOWN: 'STORE_UNAVAILABLE',
  MOVED: 'STORE_UNAVAILABLE',
  ASK: 'STORE_UNAVAILABLE',
  TRYAGAIN: 'STORE_UNAVAILABLE',
  NOAUTH: 'STORE_UNAVAILABLE',
  NOPERM: 'STORE_UNAVAILABLE',
}

/** The server is no longer the primary: look for the new one. */
const demotions: ReadonlySet<string> = new Set(['READONLY', 'MASTERDOWN'])

/**
 * What a failed write means for the commit queue. An unknown error reply may have come half-way, so the
 * outcome is unknown too.
 */
export function writeOutcome(error: unknown): Refused | Unknown {
  const { kind, prefix, message } = failureOf(error)
  if (kind === 'notSent') return { kind: 'refused', code: 'STORE_UNAVAILABLE', reason: message }
  const code = kind === 'reply' ? refusals[prefix] : undefined
  return code === undefined
    ? { kind: 'unknown', reason: message }
    : { kind: 'refused', code, reason: message }
}

/** The same for calls that throw: leader, read and quarantined. */
export function readError(
  error: unknown,
  place: string,
  degradation: FiresteelError | undefined,
): FiresteelError {
  if (failureOf(error).kind === 'notSent' && degradation !== undefined) return degradation
  return codedError(error, place)
}

/** The error after which the connection looks for another server. */
export function demotion(error: unknown, place: string): FiresteelError | undefined {
  const { prefix, message } = failureOf(error)
  if (!demotions.has(prefix)) return undefined
  return new FiresteelError('STORE_UNAVAILABLE', `This Redis cannot be written: ${message}`, { place })
}
