import { resolve } from 'node:path'
import { findStateFolder, STATE_FOLDER } from '../../../state-folder.js'
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
      'Stops the cluster that `firesteel up --detach` (or `up` in another terminal) runs in this folder, or in the nearest one above it.',
    )
    .option('--ephemeral <dir>', `the folder given to up, instead of ${STATE_FOLDER}`)
    .option('--json', 'print JSON')
    .addHelpText('after', examples('firesteel up --detach && firesteel down'))
    .action((options: DownOptions) =>
      run(async (io) => {
        const { downFolder } = await import('../up-detached.js')
        const stopped = await downFolder(
          options.ephemeral === undefined
            ? (findStateFolder(io.cwd) ?? resolve(io.cwd, STATE_FOLDER))
            : resolve(io.cwd, options.ephemeral),
        )
        if (options.json) await printJson(io, { stopped })
        else
          await io.out(stopped ? 'The cluster is down.\n' : 'Nothing is up in this folder or one above it.\n')
        return 0
      }),
    )
}
