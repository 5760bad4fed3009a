import type { MasterClient } from '../../../../actors/client/master-client.js'
import { userAtHost } from '../../../../actors/client/user-name.js'
import type { DecommissionWorkersResponse } from '../../../../actors/messages/drains.js'
import { FiresteelError } from '../../../errors.js'
import { innerLimits } from '../../../inner-limits.js'
import { limits } from '../../../limits.js'
import { printable } from '../../../observe/printable.js'
import { counted } from '../../../pages/words.js'
import { pause } from '../../../pause.js'
import { formatDuration } from '../../../units.js'
import { InvalidArgumentError } from '../commander.js'
import { type Console, printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { durationDefault } from './options.js'

interface DrainOptions extends ClusterOptions {
  /** Milliseconds. */
  readonly deadline: number
  readonly reason?: string
  readonly wait?: true
}

type Drained = DecommissionWorkersResponse['workers'][number]

const LOOK_MS = innerLimits.statusWatchMs

function reasonOption(text: string): string {
  if (text.length <= limits.drainReasonChars && !/\p{Cc}/u.test(text)) return text
  throw new InvalidArgumentError(
    `It must have at most ${limits.drainReasonChars} characters, and no control characters.`,
  )
}

const leftText = ({ executors, drivers }: Pick<Drained, 'executors' | 'drivers'>): string =>
  executors + drivers === 0
    ? 'nothing is left there'
    : `${counted(executors, 'executor')} and ${counted(drivers, 'driver')} are left there`

const isoTime = (ms: number): string => new Date(ms).toISOString()

const lineOf = (drained: Drained): string =>
  `${drained.name} is drained (${drained.id}): ${leftText(drained)}; deadline ${isoTime(drained.deadlineAtMs)}`

const rowOf = ({ id, name, deadlineAtMs, executors, drivers }: Drained, isEmpty = false) => ({
  id,
  name,
  deadlineAt: isoTime(deadlineAtMs),
  executors: isEmpty ? 0 : executors,
  drivers: isEmpty ? 0 : drivers,
})

/** What is left on a Worker now; undefined: it is not drained any more. */
async function leftOn(client: MasterClient, id: string) {
  const { workers } = await client.request({ type: 'RequestMasterState', of: id, parts: ['workers'] })
  const worker = workers.find((row) => row.id === id)
  if (!worker || worker.state === 'DEAD') return { executors: 0, drivers: 0 }
  return worker.drain
}

/** Until nothing is left. A Worker that is gone has nothing. */
async function untilEmpty(io: Console, client: MasterClient, { id, name }: Drained): Promise<void> {
  for (;;) {
    const left = await leftOn(client, id)
    if (!left)
      throw new FiresteelError('NOT_ALLOWED', `${name} takes work again: its drain was taken back.`, {
        place: id,
        help: 'Drain it again.',
      })
    if (left.executors + left.drivers === 0) return
    await pause(LOOK_MS, io.interrupted)
    io.interrupted.throwIfAborted()
  }
}

export const addDrain: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('drain')
      .argument('<worker...>', 'Workers: name, NAME@HOST, id, or the beginning of an id')
      .description(
        'Lets Workers take no more work. Tasks in hand finish, and executors without a task end; applications get others elsewhere. Supervised drivers move as soon as another Worker has room for them. What is left at the deadline moves or ends. A drain survives restarts of Worker and Master, until `undrain`. Of a drained Worker it changes the deadline. Returns when the drain is durable.',
      )
      .addOption(
        durationDefault(
          '--deadline <duration>',
          'move or end the rest after this time',
          formatDuration(limits.drainDeadlineMs),
        ),
      )
      .option('--reason <text>', 'why, for people', reasonOption)
      .option('--wait', 'return when nothing is left there'),
  )
    .addHelpText('after', examples('firesteel drain w3 w4 --deadline 10m --reason "a new kernel" --wait'))
    .action((workers: string[], options: DrainOptions) =>
      run((io) =>
        withClient(io, options, async (client) => {
          const { deadline: deadlineMs, reason, wait } = options
          const { workers: drained } = await client.request({
            type: 'DecommissionWorkers',
            workers,
            deadlineMs,
            ...(reason !== undefined && { reason }),
            by: userAtHost(),
          })
          if (!options.json) for (const one of drained) await io.out(`${printable(lineOf(one))}\n`)
          if (wait) for (const one of drained) await untilEmpty(io, client, one)
          if (options.json) await printJson(io, { workers: drained.map((one) => rowOf(one, wait)) })
          else if (wait) await io.out('Nothing is left there.\n')
          return 0
        }),
      ),
    )
}
