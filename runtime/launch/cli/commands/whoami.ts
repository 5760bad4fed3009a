import { printable } from '../../../observe/printable.js'
import { printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'

export const addWhoami: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('whoami')
      .description(
        'Says who this command is to the cluster: the name and role of its token, or that it has the secret of the cluster.',
      ),
  )
    .addHelpText('after', examples('firesteel whoami', 'FIRESTEEL_TOKEN=fst_... firesteel whoami --json'))
    .action((options: ClusterOptions) =>
      run((io) =>
        withClient(io, options, async (client) => {
          const { name, role, id = null, endsAtMs } = await client.request({ type: 'RequestIdentity' })
          const expiresAt = endsAtMs === null ? null : new Date(endsAtMs).toISOString()
          if (options.json) await printJson(io, { name, role, id, expiresAt })
          else if (id === null)
            await io.out(`${printable(name)}: this command has the secret of the cluster.\n`)
          else
            await io.out(
              `${printable(name)}: the role ${role}, by the token ${id}, which ${expiresAt === null ? 'does not end by itself' : `ends at ${expiresAt}`}.\n`,
            )
          return 0
        }),
      ),
    )
}
