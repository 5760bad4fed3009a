import { errorCodes, isFiresteelError, reasonOf } from '../../errors.js'
import type { ErrorRecord } from '../node/node-spec.js'

/** A thrown value as a record with a stable code. */
export function errorRecord(error: unknown): ErrorRecord {
  if (!isFiresteelError(error)) {
    return { code: 'FIRESTEEL_INTERNAL', message: reasonOf(error), help: errorCodes.INTERNAL.help }
  }
  const { code, message, help, place } = error
  return { code, message, help, ...(place === undefined ? {} : { place }) }
}
