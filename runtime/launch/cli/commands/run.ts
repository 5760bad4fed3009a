import type { DriverBoot } from '../../../../actors/client/boot.js'
import type { FoundCluster } from '../../../../actors/client/find-cluster.js'
import type { OutputWriter } from '../../../../actors/client/local-console.js'
import { formatMasterAddresses, parseMasterAddresses } from '../../../addresses.js'
import { FiresteelError } from '../../../errors.js'
import { limits } from '../../../limits.js'
import type { Child } from '../../../process/child.js'
import type { ProcessExit } from '../../../process/child-end.js'
import { exitStatus } from '../../../process/exit-status.js'
import { mainCommand } from '../../../process/node-command.js'
import { toldOf } from '../../../tls/tls-told.js'
import { mainFile } from '../../config/main-file.js'
import type { Command } from '../commander.js'
import { type Console, printError, printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient, withCluster } from './cluster.js'
import { bootCode, type CodeOptions, codeOptions } from './code-options.js'
import { type AddCommand, examples } from './command.js'
import { collectVariable, type EnvironmentOptions, givenEnvironment } from './environment.js'
import { misplacedOption } from './misplaced.js'
import { collect, idleTimeoutOption, summariesOption } from './options.js'

interface RunOptions extends ClusterOptions, EnvironmentOptions, CodeOptions {
  readonly nodeOption?: readonly string[]
  readonly idleTimeout?: number
  readonly summaries: boolean
  readonly output?: true
}

/** The line that connect() of MAIN reads: the Masters and the client's key, never the secret. */
function bootLine({ cluster, masters, credential, local }: FoundCluster, options: RunOptions): string {
  const { masterTimeout: masterTimeoutMs, idleTimeout, summaries, output } = options
  const { tls, ...proof } = credential
  const key = credential.key.toString('base64')
  const boot: DriverBoot = {
    ...proof,
    ...(tls && { tls: toldOf(tls) }),
    cluster,
    masters,
    key,
    masterTimeoutMs,
    ...(idleTimeout !== undefined && {
      idleTimeoutMs: Number.isFinite(idleTimeout) ? idleTimeout : ('never' as const),
    }),
    ...(!summaries && { summaries: false as const }),
    ...(output && { output }),
    code: bootCode(options),
    ...(local && { local }),
  }
  return JSON.stringify(boot)
}

function environmentOf(
  io: Console,
  { masters }: FoundCluster,
  extra: Readonly<Record<string, string>>,
): Record<string, string> {
  const { FIRESTEEL_SECRET: _, FIRESTEEL_TOKEN: __, ...inherited } = io.environment
  const all = {
    ...inherited,
    ...extra,
    FIRESTEEL_MASTER: formatMasterAddresses(masters.flatMap(parseMasterAddresses)),
  }
  return Object.fromEntries(
    Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
}

/**
 * Throws NO_MASTER at once if nobody named a cluster and none is up, as every command does. MAIN would wait
 * for it: to MAIN the boot line names a cluster.
 */
async function requireCluster(io: Console, options: RunOptions, { absent }: FoundCluster): Promise<void> {
  if (absent) await withClient(io, options, (client) => client.request({ type: 'RequestIdentity' }))
}

/** In a terminal Ctrl-C and Ctrl-\ reach MAIN without us. A signal to us alone is passed on. */
async function untilEnd(io: Console, child: Child): Promise<ProcessExit> {
  const pass = (): void => {
    const signal = io.interrupted.reason as NodeJS.Signals
    const isOfKeyboard = signal === 'SIGINT' || signal === 'SIGQUIT'
    if (!isOfKeyboard || !process.stdin.isTTY) child.signal(signal)
    setTimeout(() => void child.stop({ graceMs: 0 }), limits.stopGraceMs).unref()
  }
  // A program may read its settings again at SIGHUP, so it is not expected to end.
  const hangUp = (): void => void child.signal('SIGHUP')
  process.on('SIGHUP', hangUp)
  if (io.interrupted.aborted) pass()
  else io.interrupted.addEventListener('abort', pass, { once: true })
  try {
    return await child.exited
  } finally {
    process.off('SIGHUP', hangUp)
    io.interrupted.removeEventListener('abort', pass)
  }
}

export const addRun: AddCommand = (program, run) => {
  const added = clusterOptions(
    program
      .command('run')
      .argument(
        '<main>',
        'program that calls connect(): .js, .mjs, .cjs, .ts, an executable, or a folder with one',
      )
      .argument('[args...]', 'its arguments; options after MAIN belong to it')
      .description(
        'Runs an application whose driver is a process on this machine. MAIN finds the cluster by connect(), and inherits your environment, except that some shells drop variables whose names have other characters than letters, digits and _. `run` ends with its exit code, or 128 and the number of the signal that ended it.',
      )
      .passThroughOptions()
      .option('--env <name=value>', 'a further variable of its environment; repeatable', collectVariable)
      .option(
        '--env-file <file>',
        'a file of further variables, NAME=VALUE on each line; repeatable',
        collect,
      )
      .option('--node-option <option>', 'an option of Node for it; repeatable', collect)
      .addOption(idleTimeoutOption())
      .addOption(summariesOption())
      .option('--output', 'show what its executors print on standard error, with executor, task and attempt'),
  )
  codeOptions(added)
    .addHelpText(
      'after',
      examples('firesteel run ./count.js src', 'firesteel run --master local ./count.js src'),
    )
    .action((main: string, args: string[], options: RunOptions, command: Command) =>
      run(async (io) => {
        const path = await mainFile(main, io.cwd)
        const misplaced = misplacedOption(command, io.argv, main, args)
        if (misplaced !== undefined) await io.err(`${misplaced}\n`)
        const variables = await givenEnvironment(io, options)
        const line = mainCommand({ main: path, args, nodeOptions: options.nodeOption ?? [] })
        const runMain = async (found: FoundCluster): Promise<ProcessExit> => {
          await requireCluster(io, options, found)
          const { startChild } = await import('../../../process/child.js')
          const child = await startChild({
            ...line,
            cwd: io.cwd,
            env: { ...environmentOf(io, found, variables), ...line.env },
            stdin: 'inherit',
            stdout: 'inherit',
            stderr: 'inherit',
            boot: bootLine(found, options),
            // A part of our own group, so that the terminal treats both as one.
            ownGroup: false,
          })
          return untilEnd(io, child)
        }
        // Tasks on an embedded cluster print where their program prints.
        const print: OutputWriter = (output, bytes) => (output === 'stdout' ? io.out(bytes) : io.err(bytes))
        const exit = await withCluster(io, options, runMain, print)
        const { code, signal } = exit
        if (options.json) await printJson(io, { main: path, code, signal })
        if (code === 0) return 0
        // Who stopped it knows why it ended.
        if (!io.interrupted.aborted) {
          const message = `${main} ended with ${signal ?? `exit ${code}`}.`
          const details = { place: path, help: 'See what it printed.' }
          await printError(io, new FiresteelError('DRIVER_FAILED', message, details), options.json === true)
        }
        // Neither is known where the system has no number for the signal.
        return exitStatus(exit.code, exit.signal) ?? 128
      }),
    )
}
