import { type AddCommand, examples } from './command.js'
import { choiceOption, defined, durationOption, portOption } from './options.js'
import { singleNode } from './single-node.js'

interface MasterOptions {
  readonly name?: string
  readonly cluster?: string
  readonly host?: string
  readonly port?: number
  readonly web?: number
  readonly advertise?: string
  readonly recovery?: string
  readonly directory?: string
  readonly workerTimeout?: number
  readonly json?: true
}

/** The same as a deployment file with this one Master. */
function flagsOf(options: MasterOptions): unknown {
  const { cluster, name, host, port, web, advertise, recovery, directory, workerTimeout } = options
  return defined({
    cluster,
    recovery: defined({ mode: recovery, directory }),
    masters: [defined({ name, host, port, web, advertise })],
    scheduling: defined({ workerTimeout: workerTimeout === undefined ? undefined : `${workerTimeout}ms` }),
  })
}

export const addMaster: AddCommand = (program, run) => {
  program
    .command('master')
    .argument('[file]', 'deployment file; without it the flags say what this Master is')
    .description('Runs one Master in this process, in the foreground; nothing restarts it (`up` does).')
    .option('--name <name>', 'which Master of FILE; without FILE its name (default m1)')
    .option('--cluster <name>', 'name of the cluster (default firesteel)')
    .option('--host <host>', 'address to listen on (default 127.0.0.1)')
    .option('--port <port>', 'port of its actors, 0 for any (default 7070)', portOption)
    .option('--web <port>', 'port of its HTTP, 0 for any (default 8080)', portOption)
    .option('--advertise <host>', 'host under which others reach it')
    .option('--recovery <mode>', 'NONE (default) or FILESYSTEM', choiceOption('NONE', 'FILESYSTEM'))
    .option('--directory <dir>', 'with FILESYSTEM: where its state is kept (default ./state)')
    .option(
      '--worker-timeout <duration>',
      'silence after which a Worker is dead (default 60s)',
      durationOption,
    )
    .option('--json', 'print one JSON object a line')
    .addHelpText(
      'after',
      examples(
        'firesteel master --host 10.0.0.1 --recovery FILESYSTEM',
        'firesteel master cluster.yaml --name m1',
      ),
    )
    .action((file: string | undefined, options: MasterOptions) =>
      run((io) =>
        singleNode(io, {
          role: 'master',
          file,
          name: file === undefined ? undefined : options.name,
          flags: flagsOf(options),
          json: options.json === true,
        }),
      ),
    )
}
