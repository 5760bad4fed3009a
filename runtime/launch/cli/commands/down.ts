import { resolve } from 'node:path'
import { FOLDER } from '../../config/folder.js'
import { printJson } from '../console.js'
import { type AddCommand, examples } from './command.js'

interface DownOptions {
  readonly ephemeral?: string
  readonly json?: true
}

export const addDown: AddCommand = (program, run) => {
  program
    .command('down')
    .description(
      'Stops the cluster that `firesteel up --detach` (or `up` in another terminal) runs in this folder.',
    )
    .option('--ephemeral <dir>', `the folder given to up, instead of ${FOLDER}`)
    .option('--json', 'print JSON')
    .addHelpText('after', examples('firesteel up --detach && firesteel down'))
    .action((options: DownOptions) =>
      run(async (io) => {
        const { downFolder } = await import('../up-detached.js')
        const stopped = await downFolder(resolve(io.cwd, options.ephemeral ?? FOLDER))
        if (options.json) await printJson(io, { stopped })
        else await io.out(stopped ? 'The cluster is down.\n' : 'Nothing is up in this folder.\n')
        return 0
      }),
    )
}
