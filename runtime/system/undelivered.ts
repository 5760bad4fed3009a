import type { Destination, LocalEnvelope } from './local-envelope.js'
import type { Failure } from './system-messages.js'
import type { DeadLetterReason } from './system-options.js'

/** Where an envelope goes that its destination could not take. */
export interface Undelivered {
  /** A dead letter; a question among them is answered at once. Returns what `accept` does: false. */
  undeliverable(envelope: LocalEnvelope, reason: DeadLetterReason, at: Destination, why?: Failure): false
}
