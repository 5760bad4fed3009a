import { FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { formatDuration } from '../../runtime/units.js'
import type { MasterClient } from './master-client.js'
import { kindOf } from './resolve-id.js'

const unknownId = (id: string): FiresteelError =>
  new FiresteelError('UNKNOWN_ID', `No application, executor or driver is ${JSON.stringify(id)}.`)

/** Asks for the end of one thing, and returns the Master's text. Throws UNKNOWN_ID, NOT_ALLOWED. */
export async function kill(client: Pick<MasterClient, 'request'>, id: string): Promise<string> {
  const [, appId, execId] = /^(app-.+)\/(\d{1,15})$/.exec(id) ?? []
  if (appId !== undefined) {
    const { done } = await client.request({ type: 'KillExecutors', appId, execIds: [Number(execId)] })
    if (!done) throw unknownId(id)
    return `it gets SIGTERM now, and SIGKILL in ${formatDuration(limits.killGraceMs)} if it still runs`
  }
  if (kindOf(id) === 'application')
    return (await client.request({ type: 'RequestKillApplication', appId: id })).message
  if (kindOf(id) === 'driver')
    return (await client.request({ type: 'RequestKillDriver', driverId: id })).message
  throw unknownId(id)
}
