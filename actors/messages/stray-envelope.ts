import { FiresteelError } from '../../runtime/errors.js'
import { isWireEnvelope } from '../../runtime/system/envelope.js'

/**
 * What is not payload on a link between a driver and an executor: an envelope may be of a later release, and is dropped.
 * Throws FRAME_INVALID for what is none, which ends the link: nobody reads thousands of zeros one by one.
 */
export function dropStray(raw: unknown): void {
  if (!isWireEnvelope(raw)) throw new FiresteelError('FRAME_INVALID', 'What came is no envelope.')
}
