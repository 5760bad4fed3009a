import { errorParts } from '../../errors.js'
import { codedError } from '../../system-error.js'
import type { ErrorRecord } from '../node/node-spec.js'

/** A thrown value as a record with a stable code. */
export const errorRecord = (error: unknown): ErrorRecord => errorParts(codedError(error)) as ErrorRecord
