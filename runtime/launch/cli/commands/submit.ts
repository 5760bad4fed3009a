import { randomUUID } from 'node:crypto'
import type { SubmissionProblem } from '../../../../actors/client/check-submission.js'
import type { Submission } from '../../../../actors/client/follow-driver.js'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import type { DriverDescription } from '../../../../actors/messages/common.js'
import type { DriverStatusResponse, SubmitDriverResponse } from '../../../../actors/messages/drivers.js'
import { FiresteelError, isFiresteelError, reasonOf } from '../../../errors.js'
import { printable } from '../../../observe/printable.js'
import { mainFile, programName } from '../../config/main-file.js'
import type { Command } from '../commander.js'
import { type Console, printJson, READER_GONE_EXIT } from '../console.js'
import { DriverWaits } from '../driver-waits.js'
import { programDigest } from '../program-digest.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type CodeOptions, codeOfSubmission, codeOptions } from './code-options.js'
import { type AddCommand, examples } from './command.js'
import { type DriverLimitOptions, driverLimitOptions, limitsSaid } from './driver-limits.js'
import { collectVariable, type EnvironmentOptions, givenEnvironment } from './environment.js'
import { misplacedOption } from './misplaced.js'
import {
  choiceOption,
  collect,
  collectAmounts,
  collectLabels,
  coresOption,
  memoryDefault,
} from './options.js'

interface SubmitOptions extends ClusterOptions, EnvironmentOptions, CodeOptions, DriverLimitOptions {
  readonly name?: string
  readonly cores: number
  readonly memory: number
  readonly resource?: Readonly<Record<string, number>>
  readonly on?: Readonly<Record<string, string>>
  readonly supervise?: true
  readonly maxRestarts?: number
  /** Milliseconds. */
  readonly restartWindow?: number
  readonly onIsolation: 'run' | 'stop'
  readonly key?: string
  readonly again?: true
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
    ...(options.on && { on: { ...options.on } }),
    supervise: options.supervise === true,
    ...(options.maxRestarts !== undefined && { maxRestarts: options.maxRestarts }),
    ...(options.restartWindow !== undefined && { restartWindowMs: options.restartWindow }),
    ...limitsSaid(options),
    onIsolation: options.onIsolation,
    env: await givenEnvironment(io, options),
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
    case 'on':
      return part === undefined ? '--on' : `--on ${part}`
    case 'nodeOptions':
      return '--node-option'
    case 'timeoutMs':
      return '--timeout'
    case 'stopSignal':
      return '--stop-signal'
    case 'stopGraceMs':
      return '--stop-grace'
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

/** Throws USAGE for an option that says nothing without another one. */
function requireNeeded(options: SubmitOptions): void {
  const { supervise, maxRestarts, restartWindow, healthcheck, healthEvery } = options
  const refuse = (option: string, needed: string): never => {
    throw new FiresteelError('USAGE', `${option} needs ${needed}.`, { place: option })
  }
  if (healthEvery !== undefined && !healthcheck) refuse('--health-every', '--healthcheck')
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

/** What it prints, as it comes. Resolves when all is shown; what cannot be read is said and is no failure. */
async function showOutput(io: Console, client: MasterClient, id: string): Promise<void> {
  const { driverOutput } = await import('../../../../actors/client/driver-output.js')
  const signal = ended(io)
  const say = (reason: string): void => void io.err(`${printable(`The output cannot be shown: ${reason}`)}\n`)
  const onMissing = (workerId: string, reason: string): void => say(`${workerId}: ${reason}`)
  const show = async (output: 'stdout' | 'stderr', write: Console['out']): Promise<void> => {
    for await (const { bytes } of driverOutput(client, id, { output, follow: true, signal, onMissing }))
      await write(bytes)
  }
  try {
    await Promise.all([show('stdout', io.out), show('stderr', io.err)])
  } catch (error) {
    if (!signal.aborted) say(reasonOf(error))
  }
}

/** A wait that somebody ends does not end the driver. */
function sayThatItLives(io: Console, id: string): void {
  const text = `${id} goes on: see \`firesteel logs ${id} -f\`, or end it with \`firesteel kill ${id}\`.`
  ended(io).addEventListener('abort', () => void io.err(`${printable(text)}\n`), { once: true })
}

/** Aborted when the wait is to end, because of Ctrl-C or because nobody reads any more. */
const ended = (io: Console): AbortSignal => AbortSignal.any([io.interrupted, io.readerGone])

/** Follows a driver to its end. Throws DRIVER_FAILED with its code and signal unless it FINISHED. */
async function follow(
  io: Console,
  client: MasterClient,
  submission: Submission,
  json: boolean,
): Promise<void> {
  const { followDriver } = await import('../../../../actors/client/follow-driver.js')
  const waits = new DriverWaits()
  const shown = json ? undefined : showOutput(io, client, submission.driverId)
  const status = await followDriver(client, submission, {
    signal: ended(io),
    onStatus: (now) => {
      const text = json ? undefined : waits.look(now, performance.now())
      if (text !== undefined) void io.err(`${printable(text)}\n`)
    },
    onResubmitted: (id, before) =>
      void io.err(`The store lost ${before}: submitted again with its key as ${id}.\n`),
  })
  await shown
  const { driverId, state, exitCode, signal, message, generation } = status
  if (json) await printJson(io, { id: driverId, state, exitCode, signal, generation, message })
  else await io.out(`${printable(`${driverId}: ${state}${endText(status)}`)}\n`)
  if (state === 'FINISHED') return
  const why = message === '' ? '' : `: ${message.replace(/\.$/, '')}`
  throw new FiresteelError('DRIVER_FAILED', `${driverId} ended ${state}${endText(status)}${why}.`, {
    help: `Run \`firesteel logs ${driverId} --stderr\`.`,
  })
}

const NOT_INHERITED =
  'It does not inherit the rest of yours: a driver may run on another machine, and what is submitted is kept in the store'

/**
 * The key of the next try after that of `key`. It is the same for everybody, so that no try makes two
 * drivers.
 */
const keyOfTry = (key: string, number: number): string => (number === 1 ? key : `${key}~${number}`)

const hasFailed = (state: SubmitDriverResponse['state']): boolean =>
  ['FAILED', 'KILLED', 'ERROR'].includes(state)

/** Submits, with `again` under the first key whose driver has not failed. */
async function submitWith(
  client: MasterClient,
  { key, description, program }: Omit<Submission, 'driverId'>,
  again: boolean,
): Promise<SubmitDriverResponse> {
  for (let number = 1; ; number++) {
    const request = { type: 'RequestSubmitDriver', key: keyOfTry(key, number), description } as const
    const response = await client
      .request({ ...request, ...(program && { program }) })
      .catch(async (error) => {
        if (!again || !program || !isFiresteelError(error, 'KEY_REUSED')) throw error
        // A program that failed has been mended since. The key is known, so this makes no driver.
        const failed = await client.request(request)
        if (hasFailed(failed.state)) return failed
        throw error
      })
    if (!again || !hasFailed(response.state)) return response
  }
}

/** Nothing was started: the driver of this key ended before. */
function failedBefore({ driverId, key, state }: SubmitDriverResponse): FiresteelError {
  const message = `${driverId} of the key ${key} has ended ${state} before, and was not started again.`
  const help = `Run \`firesteel logs ${driverId} --stderr\`; with --again it is submitted once more.`
  return new FiresteelError('DRIVER_FAILED', message, { help })
}

interface Call {
  readonly main: string
  readonly args: readonly string[]
  readonly options: SubmitOptions
  readonly command: Command
}

async function submit(io: Console, { main, args, options, command }: Call): Promise<number> {
  if (options.again && options.key === undefined)
    throw new FiresteelError('USAGE', '--again needs --key: it is about the driver of that key.')
  const misplaced = misplacedOption(command, io.argv, main, args)
  if (misplaced !== undefined) await io.err(`${misplaced}\n`)
  const description = await descriptionOf(io, main, args, options)
  requireNeeded(options)
  const given = options.key ?? randomUUID()
  await requireSubmission(given, description)
  return withClient(io, options, async (client, found) => {
    if (found.local) {
      const { localEnvironment } = await import('../../../../actors/client/local-environment.js')
      description.env = localEnvironment(io.environment, description.env)
    }
    const code = await codeOfSubmission({ io, client, found, description, options })
    if (code) description.code = code
    // Code that travels has its digest in the description, and nobody else has a random key.
    const program = code || options.key === undefined ? undefined : await programDigest(description.main)
    const submitted = await submitWith(client, { key: given, description, program }, options.again === true)
    const { driverId, state, key } = submitted
    if (options.json) await printJson(io, { id: driverId, key, state })
    else await io.out(`${printable(`${driverId} ${state}, key ${key}`)}\n`)
    if (hasFailed(state)) throw failedBefore(submitted)
    if (!options.wait) return 0
    if (!found.local) sayThatItLives(io, driverId)
    try {
      await follow(io, client, { driverId, key, description, program }, options.json === true)
    } catch (error) {
      if (io.readerGone.aborted && !isFiresteelError(error)) return READER_GONE_EXIT
      throw error
    }
    return 0
  })
}

const EXAMPLES = examples(
  'firesteel submit --supervise ./service.js --port 9000',
  'firesteel submit --supervise --max-restarts 5 --restart-window 10m ./service.js',
  'firesteel submit ./service',
  'firesteel submit --wait --key nightly-2026-01-01 ./nightly.js',
  'firesteel submit --wait --key nightly-2026-01-01 --again ./nightly.js',
  'firesteel submit --on zone=a --resource gpu=1 ./train.js',
  'firesteel submit --env API_TOKEN --env-file ./job.env ./job.js',
)

export const addSubmit: AddCommand = (program, run) => {
  const added = clusterOptions(
    program
      .command('submit')
      .argument('<main>', 'program: .js, .mjs, .cjs, .ts, an executable, or a folder with one')
      .argument('[args...]', 'its arguments; options after MAIN belong to it')
      .description(
        'Submits a driver: a program that the cluster runs, and with --supervise runs again when it fails.',
      )
      .passThroughOptions()
      .option('--name <name>', 'name of the driver (default: that of MAIN)')
      .option('--cores <n>', 'its cores', coresOption, 1)
      .addOption(memoryDefault('--memory <size>', 'its memory, such as 512m or 4g', '1g'))
      .option('--resource <name=amount>', 'a custom resource, such as gpu=1; repeatable', collectAmounts)
      .option('--on <name=value>', 'only Workers with this label, such as zone=a; repeatable', collectLabels)
      .option('--supervise', 'run it again when it fails or its Worker dies')
      .addOption(
        choiceOption('--on-isolation <mode>', 'on a Worker cut off from its Masters', [
          'run',
          'stop',
        ]).default('run'),
      )
      .option(
        '--env <name=value>',
        `a variable of its environment, or NAME of one of yours; repeatable. ${NOT_INHERITED}`,
        collectVariable,
      )
      .option(
        '--env-file <file>',
        'a file of variables, NAME=VALUE or NAME on each line; repeatable',
        collect,
      )
      .option(
        '--key <key>',
        'idempotency key: two submissions with the same key and content are one driver (default: a random key). MAIN, or all code that travels, is content',
      )
      .option(
        '--again',
        'with --key: if the driver of this key failed or was killed, submit it once more; one that FINISHED stays done',
      )
      .option(
        '--wait',
        'follow it to its end, with its output and what it waits for; exit 0 if it FINISHED, otherwise 1. Ctrl-C, and a reader that goes, end only the wait',
      )
      .option('--node-option <option>', 'an option of Node for it; repeatable', collect),
  )
  codeOptions(driverLimitOptions(added))
    .addHelpText('after', EXAMPLES)
    .action((main: string, args: string[], options: SubmitOptions, command: Command) =>
      run((io) => submit(io, { main, args, options, command })),
    )
}
