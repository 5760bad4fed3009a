import {
  type ErrorCode,
  type ErrorName,
  errorCodes,
  FiresteelError,
  isFiresteelError,
  reasonOf,
} from '../../errors.js'
import type { ErrorRecord } from '../node/node-spec.js'

const prefix = 'FIRESTEEL_'

/** A thrown value as a record with a stable code. */
export function errorRecord(error: unknown): ErrorRecord {
  if (!isFiresteelError(error)) {
    return { code: 'FIRESTEEL_INTERNAL', message: reasonOf(error), help: errorCodes.INTERNAL.help }
  }
  const { code, message, help, place } = error
  return { code, message, help, ...(place === undefined ? {} : { place }) }
}

/** The error of a record that another process sent. Unknown codes become INTERNAL. */
export function errorOfRecord(record: ErrorRecord): FiresteelError {
  const name = record.code.startsWith(prefix) ? record.code.slice(prefix.length) : ''
  const known = Object.hasOwn(errorCodes, name) ? (name as ErrorName) : 'INTERNAL'
  const { message, help, place } = record
  return new FiresteelError(known, message, { help, ...(place === undefined ? {} : { place }) })
}

/** Exit code of a command that ends with this error. */
export function exitCodeOf(error: unknown): number {
  if (!isFiresteelError(error)) return errorCodes.INTERNAL.exit
  const name = (error.code as ErrorCode).slice(prefix.length) as ErrorName
  return errorCodes[name]?.exit ?? 1
}
