import type { MasterClient } from '../../../../actors/client/master-client.js'
import { kindOf, resolveId } from '../../../../actors/client/resolve-id.js'
import { FiresteelError } from '../../../errors.js'
import { limits } from '../../../limits.js'
import { printable } from '../../../observe/printable.js'
import { formatDuration } from '../../../units.js'
import { printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'

const GRACE = formatDuration(limits.killGraceMs)

const unknownId = (id: string): FiresteelError =>
  new FiresteelError('UNKNOWN_ID', `No application, executor or driver is ${JSON.stringify(id)}.`)

/** Asks for the end of one thing, and returns the Master's text. Throws UNKNOWN_ID, NOT_ALLOWED. */
async function kill(client: MasterClient, id: string): Promise<string> {
  const [, appId, execId] = /^(app-.+)\/(\d{1,15})$/.exec(id) ?? []
  if (appId !== undefined) {
    const { done } = await client.request({ type: 'KillExecutors', appId, execIds: [Number(execId)] })
    if (!done) throw unknownId(id)
    return `it gets SIGTERM now, and SIGKILL in ${GRACE} if it still runs`
  }
  if (kindOf(id) === 'application')
    return (await client.request({ type: 'RequestKillApplication', appId: id })).message
  if (kindOf(id) === 'driver')
    return (await client.request({ type: 'RequestKillDriver', driverId: id })).message
  throw unknownId(id)
}

export const addKill: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('kill')
      .argument(
        '<id>',
        'an application (app-...), an executor (app-.../N) or a driver (driver-...); its name or the beginning of its id will do',
      )
      .description(
        `Ends an application, executor or driver: its processes get SIGTERM, and SIGKILL after ${GRACE}. Returns when the decision is durable; until its end a driver is KILLING.`,
      ),
  )
    .addHelpText(
      'after',
      examples('firesteel kill driver-20260101120000-1-4', 'firesteel kill app-20260101120000-1-5/0'),
    )
    .action((text: string, options: ClusterOptions) =>
      run((io) =>
        withClient(io, options, async (client) => {
          const id = await resolveId(client, text)
          const message = await kill(client, id)
          if (options.json) await printJson(io, { id, message })
          else await io.out(`${printable(id)}: ${printable(message || 'killed')}\n`)
          return 0
        }),
      ),
    )
}
