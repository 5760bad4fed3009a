import { resolve } from 'node:path'
import { STATE_FOLDER } from '../../../state-folder.js'
import { type Command, Option } from '../commander.js'
import type { UpPlan } from '../up.js'
import { masterTimeoutOption } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { choiceOption, coresOption, intOption, listOption, memoryOption, portOption } from './options.js'

interface UpOptions {
  readonly only?: string[]
  readonly detach?: true
  readonly replace?: true
  readonly ephemeral?: string
  readonly port?: number
  readonly web?: number | false
  readonly workers: number
  readonly cores?: number
  readonly memory?: number
  readonly cluster: string
  readonly logLevel: UpPlan['embedded']['logLevel']
  readonly untilStdinEnds?: true
  readonly reportToParent?: true
  readonly masterTimeout: number
  readonly json?: true
}

export const addUp: AddCommand = (program, run) => {
  embeddedOptions(
    program
      .command('up')
      .argument('[file]', 'deployment file (YAML); without it an embedded cluster: one Master, one Worker')
      .description(
        'Runs the nodes of a deployment whose host is this machine. Each is a process that is restarted when it dies. ' +
          'SIGINT, SIGTERM, SIGQUIT, and SIGHUP of a terminal that closes, stop them in order: Workers, then Masters.',
      )
      .option('--only <names>', 'run only these nodes of the file: NAME,...', listOption)
      .option('--detach', 'return when the cluster is ready; it runs on until `firesteel down`')
      .option(
        '--replace',
        'end the `up` that runs in this folder, and take over: executors, drivers and tasks of its Workers run on',
      ),
  )
    .option('--json', 'print one JSON object per line: started, masters, waiting, ready, exited')
    .addHelpText(
      'after',
      examples(
        'firesteel up',
        'firesteel up --workers 4 --port 0 --web 0',
        'firesteel up cluster.yaml --only m1,w1',
        'firesteel up --detach && firesteel status',
      ),
    )
    .action((file: string | undefined, options: UpOptions, command: Command) =>
      run(async (io) => {
        const plan: UpPlan = {
          file,
          only: options.only ?? [],
          folder: resolve(io.cwd, options.ephemeral ?? STATE_FOLDER),
          embedded: {
            cluster: options.cluster,
            freePorts: options.ephemeral !== undefined,
            port: options.port,
            web: options.web,
            workers: options.workers,
            cores: options.cores ?? null,
            memoryMib: options.memory ?? null,
            logLevel: options.logLevel,
          },
          replace: options.replace === true,
          untilStdinEnds: options.untilStdinEnds === true,
          report: options.reportToParent === true,
          json: options.json === true,
        }
        if (options.detach) {
          const { upDetached } = await import('../up-detached.js')
          await upDetached(io, plan, childArguments(io.argv), {
            ms: options.masterTimeout,
            given: command.getOptionValueSource('masterTimeout') === 'cli',
          })
          return 0
        }
        const { up } = await import('../up.js')
        return up(io, plan)
      }),
    )
}

/** Options of the cluster that runs without a file. */
function embeddedOptions(command: Command): Command {
  return (
    command
      .option('--port <port>', 'without FILE: port of the Master, 0 for any (default: 7070)', portOption)
      .option(
        '--web <port>',
        "without FILE: port of the Master's page, 0 for any; Workers' pages then take free ports (default: 8080)",
        portOption,
      )
      .option('--no-web', 'without FILE: no node has HTTP: no pages, probes or metrics')
      .option(
        '--workers <n>',
        'without FILE: number of Workers, which share this machine',
        intOption(1, 1000),
        1,
      )
      .option(
        '--cores <n>',
        'without FILE: cores of each Worker (default: all of this machine, shared)',
        coresOption,
      )
      .option(
        '--memory <size>',
        'without FILE: memory of each Worker (default: all but 1g, shared)',
        memoryOption,
      )
      .option('--cluster <name>', 'without FILE: name of the cluster', 'firesteel')
      .addOption(
        choiceOption('--log-level <level>', 'without FILE: what is logged', [
          'error',
          'warn',
          'info',
          'debug',
        ]).default('warn'),
      )
      .option(
        '--ephemeral <dir>',
        `keep everything in DIR instead of ${STATE_FOLDER}, and take only free ports`,
      )
      .option(
        '--until-stdin-ends',
        'also stop when standard input ends, so that the cluster ends with its parent; removes the DIR of --ephemeral',
      )
      .addOption(masterTimeoutOption('with --detach: how long the cluster may take'))
      // For --detach itself: reports through descriptor 3.
      .addOption(new Option('--report-to-parent').hideHelp())
  )
}

/** The same command line for the detached process. */
function childArguments(argv: readonly string[]): string[] {
  return [...argv.filter((argument) => argument !== '--detach'), '--report-to-parent']
}
