import { neverLaunched } from '../../actors/master/records.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import type { Message } from '../../runtime/system/ref.js'

/**
 * As many lost writes as one message may hold, and as many bytes. A leader reads and checks all of them. It
 * leaves out nine of ten, which are drivers that no store has forgotten, and takes keys of ended drivers:
 * `PREFIX-0`, `PREFIX-10` and so on.
 */
export function lostTailFlood(prefix: string, last = false): Message {
  const args = ['x'.repeat(Math.floor((0.9 * limits.nodeMessageBytes) / limits.lostWriteRecords))]
  const at = { epoch: 0, seq: 0 }
  const driver = { ...neverLaunched, submittedAtMs: 1, description: { ...driverDescription, args }, at }
  const records = Array.from({ length: limits.lostWriteRecords }, (_, n) => {
    const id = `${prefix}-${n}`
    const key = { driverId: `driver-${id}`, digest: 'd', endedAtMs: Date.now(), at: { epoch: 1, seq: 1e9 } }
    return n % 10 === 0
      ? ['key', id, JSON.stringify(key)]
      : ['driver', id, JSON.stringify({ ...driver, id, key: id, digest: 'd' })]
  })
  return { type: 'LostTail', records, last } as Message
}
