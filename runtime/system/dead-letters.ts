import type { ThrottledLog } from '../observe/log-throttle.js'
import type { Envelope } from './envelope.js'
import type { DeadLetterReason } from './system-options.js'

/**
 * How loud a dead letter is. Where links end and actors stop, as in each failover, envelopes to them are lost and what
 * they were about is told again: that is worth knowing, no warning. The others are floods, defects, or attempts.
 */
const levels: Readonly<Record<DeadLetterReason, 'info' | 'warn'>> = {
  unknown: 'warn',
  full: 'warn',
  busy: 'warn',
  large: 'warn',
  malformed: 'warn',
  stopped: 'info',
  link: 'info',
  late: 'info',
}

/**
 * Logs dead letters with the names of sender and receiver and the type of the message: the first of a kind at once,
 * the others as a count. A kind names nothing that a peer has chosen, neither a path nor its incarnation, else the peer could
 * write a line with each message.
 */
export function logDeadLetters(log: ThrottledLog): (envelope: Envelope, reason: DeadLetterReason) => void {
  return ({ from, to, message, sink }, reason) => {
    const peer = sink?.incarnation
    const key = `dead:${reason}:${sink?.host ?? peer ?? to}:${message.type}`
    const text =
      reason === 'full' ? 'a mailbox is full: a message was dropped' : 'a message was not delivered'
    log.note(levels[reason], key, text, { reason, from, to, type: message.type, ...(peer && { peer }) })
  }
}
