import type { ThrottledLog } from '../observe/log-throttle.js'
import type { Envelope } from './envelope.js'
import type { DeadLetterReason } from './system-options.js'

/**
 * The log level of each reason. Links end and actors stop in each failover; the messages that are lost then
 * are sent again, so that is no warning. The other reasons mean floods, defects or attacks.
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
 * Logs dead letters with the names of sender and receiver and the type of the message. The first of a kind is
 * logged at once, the others are counted. A kind contains nothing that a peer chose, neither a path nor its
 * incarnation; otherwise the peer could write a line with each message.
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
