import { kill } from '../../../../actors/client/kill.js'
import { resolveId } from '../../../../actors/client/resolve-id.js'
import { userAtHost } from '../../../../actors/client/user-name.js'
import { limits } from '../../../limits.js'
import { printable } from '../../../observe/printable.js'
import { formatDuration } from '../../../units.js'
import { printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'

const GRACE = formatDuration(limits.killGraceMs)

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
          const message = await kill(client, id, userAtHost())
          if (options.json) await printJson(io, { id, message })
          else await io.out(`${printable(id)}: ${printable(message || 'killed')}\n`)
          return 0
        }),
      ),
    )
}
