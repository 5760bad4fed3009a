import { userAtHost } from '../../../../actors/client/user-name.js'
import { printable } from '../../../observe/printable.js'
import { printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'

export const addUndrain: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('undrain')
      .argument('<worker...>', 'Workers: name, NAME@HOST, id, or the beginning of an id')
      .description(
        'Lets drained Workers take work again. What has been told to leave already still leaves. Returns when this is durable.',
      ),
  )
    .addHelpText('after', examples('firesteel undrain w3 w4'))
    .action((workers: string[], options: ClusterOptions) =>
      run((io) =>
        withClient(io, options, async (client) => {
          const by = userAtHost()
          const { workers: done } = await client.request({ type: 'RecommissionWorkers', workers, by })
          if (options.json) await printJson(io, { workers: done })
          else
            for (const { name, host, wasDrained } of done) {
              const text = wasDrained ? 'takes work again' : 'was not drained'
              await io.out(`${printable(`${name}@${host} ${text}`)}\n`)
            }
          return 0
        }),
      ),
    )
}
