import { randomUUID } from 'node:crypto'
import type { SubmissionProblem } from '../../../../actors/client/check-submission.js'
import type { Submission } from '../../../../actors/client/follow-driver.js'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import type { DriverDescription } from '../../../../actors/messages/common.js'
import type { DriverStatusResponse } from '../../../../actors/messages/drivers.js'
import { FiresteelError } from '../../../errors.js'
import { limits } from '../../../limits.js'
import { printable } from '../../../observe/printable.js'
import { mainFile, programName } from '../../config/main-file.js'
import { type Console, printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import {
  choiceOption,
  collect,
  collectAmounts,
  collectEnvironment,
  coresOption,
  durationOption,
  intOption,
  memoryDefault,
} from './options.js'

interface SubmitOptions extends ClusterOptions {
  readonly name?: string
  readonly cores: number
  readonly memory: number
  readonly resource?: Readonly<Record<string, number>>
  readonly supervise?: true
  readonly maxRestarts?: number
  /** Milliseconds. */
  readonly restartWindow?: number
  readonly onIsolation: 'run' | 'stop'
  readonly env?: Readonly<Record<string, string>>
  readonly key?: string
  readonly wait?: true
  readonly nodeOption?: readonly string[]
}

async function descriptionOf(
  io: Console,
  main: string,
  args: readonly string[],
  options: SubmitOptions,
): Promise<DriverDescription> {
  const path = await mainFile(main, io.cwd)
  return {
    name: options.name ?? programName(path),
    main: path,
    args: [...args],
    cwd: io.cwd,
    cores: options.cores,
    memoryMib: options.memory,
    resources: { ...options.resource },
    supervise: options.supervise === true,
    ...(options.maxRestarts !== undefined && { maxRestarts: options.maxRestarts }),
    ...(options.restartWindow !== undefined && { restartWindowMs: options.restartWindow }),
    onIsolation: options.onIsolation,
    env: { ...options.env },
    nodeOptions: [...(options.nodeOption ?? [])],
  }
}

/** The option by which people gave a field. */
function optionOf([field, part]: SubmissionProblem['path']): string {
  switch (field) {
    case 'args':
      return part === undefined ? 'the list of arguments' : `argument ${Number(part) + 1}`
    case 'env':
      return part === undefined ? '--env' : `--env ${part}`
    case 'resources':
      return part === undefined ? '--resource' : `--resource ${part}`
    case 'nodeOptions':
      return '--node-option'
    case 'memoryMib':
      return '--memory'
    case 'main':
      return 'MAIN'
    case 'cwd':
      return 'the path of this folder'
    default:
      return `--${field}`
  }
}

/** Throws USAGE for limits of restarts where nothing is restarted. */
function requireSupervision({ supervise, maxRestarts, restartWindow }: SubmitOptions): void {
  const refuse = (option: string, needed: string): never => {
    throw new FiresteelError('USAGE', `${option} needs ${needed}.`, { place: option })
  }
  if (maxRestarts !== undefined && !supervise) refuse('--max-restarts', '--supervise')
  if (restartWindow !== undefined && maxRestarts === undefined) refuse('--restart-window', '--max-restarts')
}

/**
 * A Master would refuse it as well, so nobody has to wait for that. Throws REQUEST_INVALID, RECORD_TOO_LARGE.
 */
async function requireSubmission(key: string, description: DriverDescription): Promise<void> {
  const { submissionProblem } = await import('../../../../actors/client/check-submission.js')
  const problem = submissionProblem(key, description)
  if (!problem) return
  const place = optionOf(problem.path)
  throw new FiresteelError(problem.code, `${place} ${problem.rule}.`, { place })
}

/** `exit 3`, `SIGKILL`, or nothing if neither is known. */
const endText = ({ exitCode, signal }: DriverStatusResponse): string =>
  signal !== null ? `, ${signal}` : exitCode === null ? '' : `, exit ${exitCode}`

/** Follows a driver to its end. Throws DRIVER_FAILED with its code and signal unless it FINISHED. */
async function follow(
  io: Console,
  client: MasterClient,
  submission: Submission,
  json: boolean,
): Promise<void> {
  const { followDriver } = await import('../../../../actors/client/follow-driver.js')
  const status = await followDriver(client, submission, {
    signal: io.interrupted,
    onResubmitted: (id, before) =>
      void io.err(`The store lost ${before}: submitted again with its key as ${id}.\n`),
  })
  const { driverId, state, exitCode, signal, message, generation } = status
  if (json) await printJson(io, { id: driverId, state, exitCode, signal, generation, message })
  else await io.out(`${printable(`${driverId}: ${state}${endText(status)}`)}\n`)
  if (state === 'FINISHED') return
  const why = message === '' ? '' : `: ${message.replace(/\.$/, '')}`
  throw new FiresteelError('DRIVER_FAILED', `${driverId} ended ${state}${endText(status)}${why}.`, {
    help: `Run \`firesteel logs ${driverId} --stderr\`.`,
  })
}

export const addSubmit: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('submit')
      .argument('<main>', 'program, at the same path on every Worker: .js, .mjs, .cjs, .ts, or an executable')
      .argument('[args...]', 'its arguments; options after MAIN belong to it')
      .description(
        'Submits a driver: a program that the cluster runs, and with --supervise runs again when it fails.',
      )
      .passThroughOptions()
      .option('--name <name>', 'name of the driver (default: that of MAIN)')
      .option('--cores <n>', 'its cores', coresOption, 1)
      .addOption(memoryDefault('--memory <size>', 'its memory, such as 512m or 4g', '1g'))
      .option('--resource <name=amount>', 'a custom resource, such as gpu=1; repeatable', collectAmounts)
      .option('--supervise', 'run it again when it fails or its Worker dies')
      .option(
        '--max-restarts <n>',
        'with --supervise: it has FAILED when it fails more often than this (default: no limit)',
        intOption(0, limits.maxRestarts),
      )
      .option(
        '--restart-window <duration>',
        'with --max-restarts: only failures within this time count, such as 10m (default: all)',
        durationOption,
      )
      .addOption(
        choiceOption('--on-isolation <mode>', 'on a Worker cut off from its Masters', [
          'run',
          'stop',
        ]).default('run'),
      )
      .option('--env <name=value>', 'a variable of its environment; repeatable', collectEnvironment)
      .option(
        '--key <key>',
        'idempotency key: two submissions with the same key and content are one driver (default: a random key)',
      )
      .option('--wait', 'follow it to its end; exit 0 if it FINISHED, otherwise 1')
      .option('--node-option <option>', 'an option of Node for it; repeatable', collect),
  )
    .addHelpText(
      'after',
      examples(
        'firesteel submit --supervise ./service.js --port 9000',
        'firesteel submit --supervise --max-restarts 5 --restart-window 10m ./service.js',
        'firesteel submit --wait --key nightly-2026-01-01 ./nightly.js',
      ),
    )
    .action((main: string, args: string[], options: SubmitOptions) =>
      run(async (io) => {
        const description = await descriptionOf(io, main, args, options)
        requireSupervision(options)
        const key = options.key ?? randomUUID()
        await requireSubmission(key, description)
        return withClient(io, options, async (client) => {
          const { driverId, state } = await client.request({ type: 'RequestSubmitDriver', key, description })
          if (options.json) await printJson(io, { id: driverId, key, state })
          else await io.out(`${printable(`${driverId} ${state}, key ${key}`)}\n`)
          if (options.wait) await follow(io, client, { driverId, key, description }, options.json === true)
          return 0
        })
      }),
    )
}
