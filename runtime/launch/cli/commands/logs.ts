import type { AttemptOutput } from '../../../../actors/client/attempt-outputs.js'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import { kindOf, resolveId } from '../../../../actors/client/resolve-id.js'
import { FiresteelError } from '../../../errors.js'
import { limits } from '../../../limits.js'
import { printable } from '../../../observe/printable.js'
import { type Console, printJson } from '../console.js'
import { OutputLines } from '../output-lines.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { intOption } from './options.js'

interface LogsOptions extends ClusterOptions {
  readonly follow?: true
  readonly stderr?: true
  readonly tail?: number
}

const outputOf = ({ stderr }: LogsOptions): 'stdout' | 'stderr' => (stderr ? 'stderr' : 'stdout')

async function printOutput(
  io: Console,
  client: MasterClient,
  id: string,
  options: LogsOptions,
  ended: AbortSignal,
): Promise<void> {
  const { worker } = await client.request({ type: 'RequestLogLocation', id })
  const output = outputOf(options)
  const tail = options.tail === undefined ? {} : { tailLines: options.tail }
  const request = { id, output, follow: options.follow === true, ...tail } as const
  const stream = await client.workerStream(worker, request, ended)
  const lines = new OutputLines()
  const printEach = async (each: readonly string[]): Promise<void> => {
    for (const line of each) await printJson(io, { id, output, line })
  }
  for await (const bytes of stream) await (options.json ? printEach(lines.take(bytes)) : io.out(bytes))
  await printEach(lines.rest())
}

/**
 * Every attempt on every Worker. A driver that started once has no heading, so that its bytes are its own.
 */
async function printDriver(
  io: Console,
  client: MasterClient,
  id: string,
  options: LogsOptions,
  signal: AbortSignal,
): Promise<void> {
  const { driverOutput } = await import('../../../../actors/client/driver-output.js')
  const { attemptHeader } = await import('../../../../actors/client/attempt-outputs.js')
  const output = outputOf(options)
  const onMissing = (workerId: string, reason: string): void =>
    void io.err(`${printable(`The output on ${workerId} cannot be read: ${reason}`)}\n`)
  let first: AttemptOutput | undefined
  let of: AttemptOutput | undefined
  const lines = new OutputLines()
  const printEach = async (each: readonly string[]): Promise<void> => {
    for (const line of each) await printJson(io, { id, output, ...attemptJson(of), line })
  }
  const wanted = {
    output,
    follow: options.follow === true,
    ...(options.tail !== undefined && { tailLines: options.tail }),
  }
  for await (const { attempt, bytes } of driverOutput(client, id, { ...wanted, signal, onMissing })) {
    if (options.json) {
      // A line ends with its attempt.
      if (attempt) await printEach(lines.rest())
      of = attempt ?? of
      await printEach(lines.take(bytes))
    } else {
      const isLater = attempt && (first !== undefined || attempt.attempt > 1 || attempt.generation > 1)
      if (isLater) await io.out(`${attemptHeader(attempt)}\n`)
      await io.out(bytes)
    }
    first ??= attempt
  }
  await printEach(lines.rest())
}

const attemptJson = (of: AttemptOutput | undefined) =>
  of && { generation: of.generation, attempt: of.attempt, startedAt: new Date(of.atMs).toISOString() }

export const addLogs: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('logs')
      .argument(
        '<id>',
        'a driver (driver-...) or an executor (app-.../N); a name or the beginning of an id will do',
      )
      .description(
        'Prints the output of a driver or executor, from the Workers on which it ran. A driver that was started more than once has a heading with the time before each attempt.',
      )
      .option('-f, --follow', 'follow its output until it ends')
      .option('--stderr', 'its standard error instead of its standard output')
      .option(
        '--tail <lines>',
        `begin with its last lines, at most ${limits.logTailLines}, of all attempts together (default: all)`,
        intOption(0, limits.logTailLines),
      ),
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
          if (kindOf(id) === 'application') {
            throw new FiresteelError(
              'USAGE',
              `${id} is an application, which has no output of its own. Name one of its executors, such as ${id}/0.`,
              {
                help: `Run \`firesteel status ${id}\` for its executors.`,
              },
            )
          }
          const ended = AbortSignal.any([io.interrupted, io.readerGone])
          if (kindOf(id) === 'driver') await printDriver(io, client, id, options, ended)
          else await printOutput(io, client, id, options, ended)
          return 0
        }),
      ),
    )
}
