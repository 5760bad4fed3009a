import { randomUUID } from 'node:crypto'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import { resolveId } from '../../../../actors/client/resolve-id.js'
import type { RestartWorkerResponse } from '../../../../actors/messages/worker-restart.js'
import { FiresteelError } from '../../../errors.js'
import { limits } from '../../../limits.js'
import { printable } from '../../../observe/printable.js'
import { counted } from '../../../pages/words.js'
import { formatDuration } from '../../../units.js'
import { type Console, printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { durationDefault } from './options.js'

interface RestartOptions extends ClusterOptions {
  readonly all?: true
  /** Milliseconds. */
  readonly timeout: number
}

const GRACE = formatDuration(limits.killGraceMs)
/** In place of an id: Workers are meant. */
const WORKER = 'worker'

const rowOf = ({ workerId: id, name, gapMs, executors, drivers }: RestartWorkerResponse) => ({
  id,
  name,
  gapMs: gapMs ?? null,
  executors,
  drivers,
})

const lineOf = ({ name, gapMs = 0, executors, drivers }: RestartWorkerResponse): string =>
  `${name} has restarted: it took no work for ${formatDuration(gapMs)}; ${counted(executors, 'executor')} and ${counted(drivers, 'driver')} ran on`

async function meantWorkers(
  client: MasterClient,
  names: readonly string[],
  all: boolean,
): Promise<readonly string[]> {
  if (!all) return names
  const { workers } = await client.request({ type: 'RequestMasterState', parts: ['workers'] })
  const living = workers.filter(({ state }) => state !== 'DEAD')
  return living.map(({ id }) => id).sort()
}

/** One after the other, and the next one when all are well. */
async function restartWorkers(
  io: Console,
  client: MasterClient,
  names: readonly string[],
  { all, timeout: timeoutMs, json }: RestartOptions,
): Promise<number> {
  if (names.length === 0 && !all)
    throw new FiresteelError('USAGE', '`restart worker` needs the names of Workers, or --all.')
  if (names.length > 0 && all) throw new FiresteelError('USAGE', 'Give names of Workers or --all, not both.')
  const { restartWorker, untilWell } = await import('../restart-worker.js')
  const options = { timeoutMs, interrupted: io.interrupted }
  const done: RestartWorkerResponse[] = []
  for (const worker of await meantWorkers(client, names, all === true)) {
    if (done.length > 0) await untilWell(client, options)
    const restarted = await restartWorker(client, worker, options)
    done.push(restarted)
    if (!json) await io.out(`${printable(lineOf(restarted))}\n`)
  }
  if (json) await printJson(io, { workers: done.map(rowOf) })
  return 0
}

async function restartDriver(
  io: Console,
  client: MasterClient,
  text: string,
  { json }: RestartOptions,
): Promise<number> {
  const id = await resolveId(client, text)
  // A request that is sent again after a failover has the same id, so that it restarts once.
  const request = randomUUID()
  const { message } = await client.request({ type: 'RequestRestartDriver', driverId: id, request })
  if (json) await printJson(io, { id, message })
  else await io.out(`${printable(id)}: ${printable(message)}\n`)
  return 0
}

export const addRestart: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('restart')
      .argument(
        '<id>',
        'a supervised driver (driver-...), its name or the beginning of its id; or the word `worker`',
      )
      .argument('[worker...]', 'after `worker`: Workers, by name, NAME@HOST, id, or the beginning of an id')
      .description(
        `Ends the process of a supervised driver (SIGTERM, and SIGKILL after ${GRACE}) and starts it again at once on the same Worker. One that waits for its next attempt starts at once. With \`worker\`: replaces the processes of Workers, one after the other, while their executors, drivers and tasks run on; each must be started again by \`up\` or a service manager. Returns when they are back.`,
      )
      .option('--all', 'with `worker`: all Workers, one after the other')
      .addOption(
        durationDefault(
          '--timeout <duration>',
          'with `worker`: how long each may take',
          formatDuration(limits.restartTimeoutMs),
        ),
      ),
  )
    .addHelpText(
      'after',
      examples('firesteel restart driver-20260101120000-1-4', 'firesteel restart worker w1'),
    )
    .action((id: string, names: string[], options: RestartOptions) =>
      run((io) =>
        withClient(io, options, (client) => {
          if (id === WORKER) return restartWorkers(io, client, names, options)
          if (names.length > 0 || options.all)
            throw new FiresteelError('USAGE', 'One driver at a time; Workers are `restart worker NAME...`.')
          return restartDriver(io, client, id, options)
        }),
      ),
    )
}
