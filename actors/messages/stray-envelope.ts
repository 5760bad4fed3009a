import { FiresteelError } from '../../runtime/errors.js'
import { isWireEnvelope } from '../../runtime/system/envelope.js'

/**
 * Drops an envelope on a link between a driver and an executor, because a later release may send one. Throws
 * FRAME_INVALID for anything else, which ends the link, so that garbage is not read piece by piece.
 */
export function dropStray(raw: unknown): void {
  if (!isWireEnvelope(raw))
    throw new FiresteelError('FRAME_INVALID', 'The received bytes are not an envelope.')
}
