import { isFiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { codedError } from '../system-error.js'
import type { Message } from './ref.js'

/**
 * Why a watched actor is gone. `disconnected`: only its link is gone, which proves no death (protocol R7).
 */
export type EndReason = 'stopped' | 'failed' | 'disconnected' | 'unknown'

/** Sent once to each watcher of an actor. */
export interface Terminated {
  readonly type: 'Terminated'
  readonly path: string
  readonly reason: EndReason
}

/** An answer that makes an ask fail. It has the fields of a FiresteelError. */
export interface Failure {
  readonly type: 'Failure'
  /** With or without the prefix FIRESTEEL_. */
  readonly code: string
  readonly message: string
  readonly help?: string | undefined
  readonly place?: string | undefined
}

/** Between two systems, addressed to `/system`. Paths have no authority. */
export type SystemMessage =
  | { readonly type: 'Watch'; readonly path: string }
  | { readonly type: 'Unwatch'; readonly path: string }
  | Terminated

/** Only systems send messages to this path, never actors. */
export const systemPath = '/system'

export function isFailure(message: Message): message is Failure {
  const { type, code, message: text } = message as Partial<Failure>
  return type === 'Failure' && typeof code === 'string' && typeof text === 'string'
}

const TEXT_MAX = innerLimits.systemTextChars
const isText = (value: unknown): boolean => typeof value === 'string' && value.length <= TEXT_MAX
const isOptionalText = (value: unknown): boolean => value === undefined || isText(value)

/**
 * Undefined if another system may say this to `/system`; else the reason. Paths and reasons are short (see
 * Envelope).
 */
export function systemViolation(message: Message): string | undefined {
  const { type, path, reason, ...others } = message as Message & { path?: unknown; reason?: unknown }
  if (type !== 'Watch' && type !== 'Unwatch' && type !== 'Terminated') return `${type} is not for /system`
  if (!isText(path)) return `${type}: path: no text of at most ${TEXT_MAX} characters`
  if (type === 'Terminated' ? !isText(reason) : reason !== undefined)
    return `${type}: reason: not as it must be`
  const [unknown] = Object.keys(others)
  return unknown === undefined
    ? undefined
    : `${type}: unrecognized key ${JSON.stringify(unknown.slice(0, 64))}`
}

/** Undefined if this is well-formed as an answer that makes an ask fail; else the reason. */
export function failureViolation(message: Message): string | undefined {
  const { code, message: text, help, place } = message as Partial<Failure>
  const isWell = isText(code) && isText(text) && isOptionalText(help) && isOptionalText(place)
  return isWell ? undefined : 'Failure: not of the form code, message, help, place'
}

/** Anything thrown, as an answer. An error that is not ours is a defect: INTERNAL. */
export function failureOf(thrown: unknown): Failure {
  const error = codedError(thrown)
  if (!isFiresteelError(error)) return { type: 'Failure', code: 'INTERNAL', message: reasonOf(error) }
  const { code, message, help, place } = error
  return { type: 'Failure', code, message, help, place }
}
