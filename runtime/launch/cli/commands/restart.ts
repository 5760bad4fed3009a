import { randomUUID } from 'node:crypto'
import { resolveId } from '../../../../actors/client/resolve-id.js'
import { limits } from '../../../limits.js'
import { printable } from '../../../observe/printable.js'
import { formatDuration } from '../../../units.js'
import { printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'

const GRACE = formatDuration(limits.killGraceMs)

export const addRestart: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('restart')
      .argument('<id>', 'a supervised driver (driver-...), its name or the beginning of its id')
      .description(
        `Ends the process of a supervised driver (SIGTERM, and SIGKILL after ${GRACE}) and starts it again at once on the same Worker. One that waits for its next attempt starts at once.`,
      ),
  )
    .addHelpText('after', examples('firesteel restart driver-20260101120000-1-4'))
    .action((text: string, options: ClusterOptions) =>
      run((io) =>
        withClient(io, options, async (client) => {
          const id = await resolveId(client, text)
          // A request that is sent again after a failover has the same id, so that it restarts once.
          const request = randomUUID()
          const { message } = await client.request({ type: 'RequestRestartDriver', driverId: id, request })
          if (options.json) await printJson(io, { id, message })
          else await io.out(`${printable(id)}: ${printable(message)}\n`)
          return 0
        }),
      ),
    )
}
