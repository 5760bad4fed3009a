import { FiresteelError } from '../../../errors.js'
import { limits } from '../../../limits.js'
import { printable } from '../../../observe/printable.js'
import { browserCommand, openInBrowser } from '../../../process/open-in-browser.js'
import { formatDuration } from '../../../units.js'
import { printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'

interface UiOptions extends ClusterOptions {
  readonly open: boolean
}

const LATE = formatDuration(limits.pageTicketMs)
const SESSION = formatDuration(limits.pageSessionMs)

export const addUi: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('ui')
      .description(
        `Opens the pages of the Master that leads, signed in: in a browser if this terminal has one; else it prints the link. The link works once, within ${LATE}, and opens a session of ${SESSION}.`,
      )
      .option('--no-open', 'only print the link'),
  )
    .addHelpText('after', examples('firesteel ui', 'firesteel ui --no-open'))
    .action((options: UiOptions) =>
      run((io) =>
        withClient(io, options, async (client, { local }) => {
          if (local)
            throw new FiresteelError(
              'USAGE',
              'An embedded cluster ends with this command, and its pages too.',
              {
                help: 'Start one with `firesteel up`.',
              },
            )
          const { web, token, lateAtMs } = await client.request({ type: 'RequestPageTicket' })
          const url = `${web}/session?ticket=${encodeURIComponent(token)}`
          if (options.json) {
            await printJson(io, { url, validUntil: new Date(lateAtMs).toISOString() })
            return 0
          }
          const command = options.open && io.interactive ? browserCommand(io.environment) : undefined
          if (command !== undefined && (await openInBrowser(command, url))) {
            await io.out(`${printable(web)} opens in your browser, signed in.\n`)
            return 0
          }
          await io.out(`${printable(url)}\n`)
          await io.err(`The link works once, within ${LATE}.\n`)
          return 0
        }),
      ),
    )
}
