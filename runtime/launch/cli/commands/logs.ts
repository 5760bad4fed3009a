import { resolveId } from '../../../../actors/client/resolve-id.js'
import { FiresteelError } from '../../../errors.js'
import { printJson } from '../console.js'
import { readItems } from '../each/items.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { intOption } from './options.js'

interface LogsOptions extends ClusterOptions {
  readonly follow?: true
  readonly stderr?: true
  readonly tail?: number
}

export const addLogs: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('logs')
      .argument(
        '<id>',
        'a driver (driver-...) or an executor (app-.../N); a name or the beginning of an id will do',
      )
      .description('Prints the output of a driver or executor, from the Worker on which it ran.')
      .option('-f, --follow', 'follow its output until it ends')
      .option('--stderr', 'its standard error instead of its standard output')
      .option('--tail <lines>', 'begin with its last lines', intOption(0)),
  )
    .addHelpText(
      'after',
      examples(
        'firesteel logs driver-20260101120000-1-4 -f',
        'firesteel logs app-20260101120000-1-5/0 --stderr --tail 100',
      ),
    )
    .action((text: string, options: LogsOptions) =>
      run((io) =>
        withClient(io, options, async (client) => {
          const id = await resolveId(client, text)
          if (/^app-[^/]+$/.test(id)) {
            throw new FiresteelError(
              'USAGE',
              `${id} is an application, which has no output of its own. Name one of its executors, such as ${id}/0.`,
              {
                help: `Run \`firesteel status ${id}\` for its executors.`,
              },
            )
          }
          const { worker } = await client.request({ type: 'RequestLogLocation', id })
          const output = options.stderr ? 'stderr' : 'stdout'
          const ended = AbortSignal.any([io.interrupted, io.readerGone])
          const tail = options.tail === undefined ? {} : { tailLines: options.tail }
          const request = { id, output, follow: options.follow === true, ...tail } as const
          const stream = await client.workerStream(worker, request, ended)
          if (options.json)
            for await (const line of readItems(stream, '\n')) await printJson(io, { id, output, line })
          else for await (const bytes of stream) await io.out(bytes)
          return 0
        }),
      ),
    )
}
