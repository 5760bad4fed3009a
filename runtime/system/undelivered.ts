import type { Destination, LocalEnvelope } from './local-envelope.js'
import type { Failure } from './system-messages.js'
import type { DeadLetterReason } from './system-options.js'

/** Takes an envelope that its destination could not take. */
export interface Undelivered {
  /** Counts a dead letter. If it is a question, it is answered at once. Returns false, as `accept` does. */
  undeliverable(envelope: LocalEnvelope, reason: DeadLetterReason, at: Destination, why?: Failure): false
}
