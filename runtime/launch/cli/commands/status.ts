import type { MasterClient } from '../../../../actors/client/master-client.js'
import { kindOf, resolveId } from '../../../../actors/client/resolve-id.js'
import type { MasterStateResponse } from '../../../../actors/messages/status.js'
import { innerLimits } from '../../../inner-limits.js'
import { pause } from '../../../pause.js'
import { type Console, printJson } from '../console.js'
import { PAPER, statusText, type Window, withinRows } from '../status-list.js'
import { oneStatusJson, oneStatusText, statusJson } from '../status-view.js'
import { WatchScreen } from '../watch-screen.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'

interface StatusOptions extends ClusterOptions {
  readonly watch?: true
}

const WATCH_MS = innerLimits.statusWatchMs
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
  { json }: StatusOptions,
): Promise<void> {
  if (json) {
    await printJson(io, id === undefined ? statusJson(state) : oneStatusJson(state, id))
    return
  }
  // What is not watched scrolls, so all of it is shown.
  await io.out(textOf(state, id, { columns: (io.window() ?? PAPER).columns, rows: PAPER.rows }))
}

const textOf = (state: MasterStateResponse, id: string | undefined, window: Window): string =>
  id === undefined ? statusText(state, Date.now(), window) : oneText(state, id, window.rows)

type Ask = () => Promise<MasterStateResponse>

/** Shows it again each second: on a screen of its own, or one after the other where there is no terminal. */
async function watched(io: Console, ask: Ask, id: string | undefined, options: StatusOptions): Promise<void> {
  const screen = options.json ? undefined : await WatchScreen.open(io)
  if (!screen) {
    while (!io.readerGone.aborted) {
      await print(io, await ask(), id, options)
      await pause(WATCH_MS, io.readerGone)
    }
    return
  }
  try {
    while (!screen.over.aborted) {
      const state = await ask()
      const linesIn = (window: Window) => textOf(state, id, window).trimEnd().split('\n')
      const foot = `${new Date().toLocaleTimeString()}  q: end`
      do await screen.show(linesIn, foot)
      while (await screen.wait(WATCH_MS))
    }
  } finally {
    await screen.close()
  }
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
      .option(
        '--watch',
        'show it again each second, in a terminal on a screen of its own, until q or Ctrl-C',
      ),
  )
    .addHelpText(
      'after',
      examples('firesteel status', 'firesteel status --json', 'firesteel status my-service --watch'),
    )
    .action((text: string | undefined, options: StatusOptions) =>
      run((io) =>
        withClient(io, options, async (client) => {
          const id = text === undefined ? undefined : await resolveId(client, text)
          const ask = async () => {
            await requireDriver(client, id)
            return client.request({ type: 'RequestMasterState', ...(id !== undefined && { of: id }) })
          }
          if (options.watch) await watched(io, ask, id, options)
          else await print(io, await ask(), id, options)
          return 0
        }),
      ),
    )
}
