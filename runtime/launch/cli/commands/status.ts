import type { MasterClient } from '../../../../actors/client/master-client.js'
import type { MasterStateResponse } from '../../../../actors/messages/status.js'
import { innerLimits } from '../../../inner-limits.js'
import { pause } from '../../../pause.js'
import { type Console, printJson } from '../console.js'
import { oneStatusJson, oneStatusText, statusJson, statusText } from '../status-view.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'

interface StatusOptions extends ClusterOptions {
  readonly watch?: true
}

const WATCH_MS = innerLimits.statusWatchMs
/**
 * Cursor to the top, and the rest of the screen empty. As bytes, because control characters are removed from
 * text.
 */
const CLEAR = Buffer.from('\u001b[H\u001b[J')

/** The list cannot tell an unknown id from a submission that the store lost. The leader can (protocol 12). */
async function requireDriver(client: MasterClient, id: string | undefined): Promise<void> {
  if (id?.startsWith('driver-')) await client.request({ type: 'RequestDriverStatus', driverId: id })
}

async function print(
  io: Console,
  state: MasterStateResponse,
  id: string | undefined,
  { json, watch }: StatusOptions,
): Promise<void> {
  if (json) {
    await printJson(io, id === undefined ? statusJson(state) : oneStatusJson(state, id))
    return
  }
  const text = id === undefined ? statusText(state) : oneStatusText(state, id)
  if (watch && io.interactive) await io.out(CLEAR)
  await io.out(text)
}

export const addStatus: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('status')
      .argument('[id]', 'an application, driver or Worker; without it the whole cluster')
      .description('Shows the cluster: Masters, Workers, applications, drivers; or one of them.')
      .option('--watch', 'show it again each second until interrupted'),
  )
    .addHelpText(
      'after',
      examples('firesteel status', 'firesteel status --json', 'firesteel status driver-... --watch'),
    )
    .action((id: string | undefined, options: StatusOptions) =>
      run((io) =>
        withClient(io, options, async (client) => {
          do {
            await requireDriver(client, id)
            const of = id !== undefined && { of: id }
            const state = await client.request({ type: 'RequestMasterState', ...of })
            await print(io, state, id, options)
            if (options.watch) await pause(WATCH_MS, io.readerGone)
          } while (options.watch && !io.readerGone.aborted)
          return 0
        }),
      ),
    )
}
