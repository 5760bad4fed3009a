import { FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { printable } from '../../runtime/observe/printable.js'
import { formatDuration } from '../../runtime/units.js'
import type { MasterClient } from './master-client.js'
import { kindOf } from './resolve-id.js'

const unknownId = (id: string): FiresteelError =>
  new FiresteelError('UNKNOWN_ID', `No application, executor or driver is ${JSON.stringify(id)}.`)

/** A name as a message carries it. */
const whole = (by: string): string => printable(by).slice(0, limits.nameChars)

/**
 * Asks for the end of one thing, and returns the Master's text. Throws UNKNOWN_ID, NOT_ALLOWED. `by`: who
 * asks, for people.
 */
export async function kill(client: Pick<MasterClient, 'request'>, id: string, by: string): Promise<string> {
  const [, appId, execId] = /^(app-.+)\/(\d{1,15})$/.exec(id) ?? []
  if (appId !== undefined) {
    const { done } = await client.request({ type: 'KillExecutors', appId, execIds: [Number(execId)] })
    if (!done) throw unknownId(id)
    return `it gets SIGTERM now, and SIGKILL in ${formatDuration(limits.killGraceMs)} if it still runs`
  }
  if (kindOf(id) === 'application')
    return (await client.request({ type: 'RequestKillApplication', appId: id, by: whole(by) })).message
  if (kindOf(id) === 'driver')
    return (await client.request({ type: 'RequestKillDriver', driverId: id, by: whole(by) })).message
  throw unknownId(id)
}
