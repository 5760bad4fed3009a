import { createHmac, timingSafeEqual } from 'node:crypto'
import type { StandbyPulse } from '../messages/masters.js'

/*
 * A STANDBY proves that it reads the store (protocol 13.2). The lock in the leader record is random and goes
 * into no message, so only a Master that reads the store has it. The core has no secret, so the shell adds
 * the proof to what leaves and checks it on what comes.
 */

/** What a Master has of itself and of the leader record. */
interface StoreReader {
  readonly incarnation: string
  readonly lock: () => string
  readonly lockOf: (owner: string) => string
}

/** A pulse to the leader that the record names gets its proof. All else stays as it is. */
export function withProof<M extends { readonly type: string }>(
  to: string,
  message: M,
  { incarnation, lockOf }: StoreReader,
): M {
  if (!isPulse(message)) return message
  const lock = lockOf(to)
  return lock === '' ? message : { ...message, proof: proofOf(message, to, incarnation, lock) }
}

/** True: who sent this has read the record of this leadership, and nobody has altered its numbers. */
export function isProven(
  from: string,
  message: { readonly type: string },
  { incarnation, lock }: StoreReader,
): boolean {
  if (!isPulse(message) || message.proof === undefined || lock() === '') return false
  const expected = Buffer.from(proofOf(message, incarnation, from, lock()))
  const got = Buffer.from(message.proof)
  return got.length === expected.length && timingSafeEqual(got, expected)
}

const isPulse = (message: { readonly type: string }): message is StandbyPulse =>
  message.type === 'StandbyPulse'

/** Nobody can use it as the proof of another Master, or under another leadership. */
function proofOf(pulse: StandbyPulse, leader: string, standby: string, lock: string): string {
  const { workersHeard, hostsHeard = 0 } = pulse
  const said = JSON.stringify([leader, standby, workersHeard, hostsHeard])
  return createHmac('sha256', lock).update(`firesteel/1 standby\0${said}`, 'utf8').digest('hex')
}
