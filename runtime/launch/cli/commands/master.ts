import { limits } from '../../../limits.js'
import { type AddCommand, examples } from './command.js'
import { MASTER_NAME, type MasterFlags, masterFlags } from './master-flags.js'
import { nodeOptions, refuseBesideFile } from './node-flags.js'
import { choiceOption, durationOption, intOption, listOption } from './options.js'

export const addMaster: AddCommand = (program, run) => {
  const command = program
    .command('master')
    .argument('[file]', 'deployment file; without it the options describe this Master')
    .description('Runs one Master in this process, in the foreground. Nothing restarts it; `up` would.')
    .option('--name <name>', 'which Master of FILE; without FILE its name (default: m1)')
  nodeOptions(command, { port: 7070, web: 8080 })
    .addOption(
      choiceOption('--recovery <mode>', 'where its state is kept (default: NONE)', [
        'NONE',
        'FILESYSTEM',
        'REDIS',
        'CUSTOM',
      ]),
    )
    .option('--directory <dir>', 'with FILESYSTEM or CUSTOM: where its state is kept (default: ./state)')
    .option(
      '--redis <url>',
      `with REDIS: the data, redis://host:port/db; a password as 'redis://:\${NAME}@host', from the environment`,
    )
    .option('--sentinel <name@hosts>', 'with REDIS, instead of --redis: NAME@host:port,... of the Sentinels')
    .option(
      '--election <urls>',
      'with REDIS: an odd number of servers that hold only the lock: URL,...',
      listOption,
    )
    .option('--replicas <n>', 'with REDIS: replicas that must have a commit (default: 0)', intOption(0, 100))
    .option('--module <path>', 'with CUSTOM: the module that keeps the state and elects')
    .option('--peers <addresses>', 'the other Masters, firesteel://b:7070,c:7070; with REDIS or CUSTOM')
    .option(
      '--lease <duration>',
      `how long a leader acts without a confirmation of its store, at least 1s (default: ${limits.leaseMs / 1000}s)`,
      durationOption,
    )
    .option(
      '--worker-timeout <duration>',
      'silence after which a Worker is dead (default: 60s)',
      durationOption,
    )
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      examples(
        'firesteel master --host 10.0.0.1 --recovery FILESYSTEM',
        'firesteel master --host 10.0.0.1 --peers firesteel://10.0.0.2:7070 --recovery REDIS --redis redis://10.0.0.9',
        'firesteel master cluster.yaml --name m1',
      ),
    )
    .action((file: string | undefined, options: MasterFlags) =>
      run(async (io) => {
        refuseBesideFile(file, options)
        const { singleNode } = await import('./single-node.js')
        return singleNode(io, {
          role: 'master',
          file,
          name: options.name ?? (file === undefined ? MASTER_NAME : undefined),
          flags: masterFlags(options),
          json: options.json === true,
        })
      }),
    )
}
