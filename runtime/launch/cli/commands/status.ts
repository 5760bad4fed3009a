import type { MasterClient } from '../../../../actors/client/master-client.js'
import { kindOf, resolveId } from '../../../../actors/client/resolve-id.js'
import type { MasterStateResponse } from '../../../../actors/messages/status.js'
import { innerLimits } from '../../../inner-limits.js'
import { pause } from '../../../pause.js'
import { type Console, printJson } from '../console.js'
import { PAPER, statusText, withinRows } from '../status-list.js'
import { oneStatusJson, oneStatusText, statusJson } from '../status-view.js'
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
  if (id !== undefined && kindOf(id) === 'driver')
    await client.request({ type: 'RequestDriverStatus', driverId: id })
}

const oneText = (state: MasterStateResponse, id: string, rows: number): string =>
  withinRows(oneStatusText(state, id).trimEnd().split('\n'), rows).join('\n').concat('\n')

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
  const { columns, rows } = io.window() ?? PAPER
  // What is not watched scrolls, so all of it is shown.
  const window = watch ? { columns, rows } : { columns, rows: PAPER.rows }
  const text = id === undefined ? statusText(state, Date.now(), window) : oneText(state, id, window.rows)
  if (watch && io.window()) await io.out(CLEAR)
  await io.out(text)
}

export const addStatus: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('status')
      .argument(
        '[id]',
        'an application, driver or Worker, by its id, its name or the beginning of its id; without it the whole cluster',
      )
      .description('Shows the cluster: Masters, Workers, applications, drivers; or one of them.')
      .option('--watch', 'show it again each second until interrupted'),
  )
    .addHelpText(
      'after',
      examples('firesteel status', 'firesteel status --json', 'firesteel status my-service --watch'),
    )
    .action((text: string | undefined, options: StatusOptions) =>
      run((io) =>
        withClient(io, options, async (client) => {
          const id = text === undefined ? undefined : await resolveId(client, text)
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
