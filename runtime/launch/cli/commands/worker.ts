import { limits } from '../../../limits.js'
import { formatDuration } from '../../../units.js'
import { type AddCommand, examples } from './command.js'
import { nodeOptions, refuseBesideFile, type TlsFlags, tlsOf } from './node-flags.js'
import {
  collectAddresses,
  collectLabels,
  coresOption,
  defined,
  durationOption,
  memoryOption,
} from './options.js'

interface WorkerOptions extends TlsFlags {
  readonly master?: string
  readonly name?: string
  readonly cluster?: string
  readonly host?: string
  readonly port?: number
  readonly web?: number | false
  readonly webHost?: string
  readonly advertise?: string
  readonly cores?: number
  readonly memory?: number
  readonly resource?: Readonly<Record<string, string[]>>
  readonly label?: Readonly<Record<string, string>>
  /** Milliseconds; true: without a duration. */
  readonly drainOnStop?: number | true
  readonly json?: true
}

/** The flags as a deployment file with this one Worker. */
function flagsOf(options: WorkerOptions, environmentMaster: string | undefined): unknown {
  const { cluster, name, host, port, web, webHost, advertise, cores, memory, resource } = options
  const { label, drainOnStop } = options
  return defined({
    cluster,
    security: tlsOf(options),
    master: options.master ?? environmentMaster ?? 'firesteel://127.0.0.1:7070',
    workers: [
      defined({
        name,
        host,
        port,
        web,
        webHost,
        advertise,
        cores,
        memory: memory === undefined ? undefined : `${memory}m`,
        resources: resource,
        labels: label,
        drainOnStop: drainOnStop === true || drainOnStop === undefined ? drainOnStop : `${drainOnStop}ms`,
      }),
    ],
  })
}

export const addWorker: AddCommand = (program, run) => {
  const command = program
    .command('worker')
    .argument('[file]', 'deployment file; without it the options describe this Worker')
    .description(
      'Runs one Worker in this process, in the foreground. Nothing restarts it; `up` would. Its leader tells it the workerTimeout.',
    )
    .option('--master <addresses>', 'Masters to join, firesteel://a:7070,b:7070 (default: FIRESTEEL_MASTER)')
    .option('--name <name>', 'which Worker of FILE; without FILE its name (default: w1)')
  nodeOptions(command, { port: 0, web: 8081 })
    .option('--cores <n>', 'cores to offer (default: all of this machine)', coresOption)
    .option('--memory <size>', 'memory to offer, such as 4g (default: all but 1g)', memoryOption)
    .option(
      '--resource <name=addresses>',
      'custom resource to offer, such as gpu=0,1; repeatable',
      collectAddresses,
    )
    .option('--label <name=value>', 'label of this Worker; repeatable', collectLabels)
    .option(
      '--drain-on-stop [duration]',
      `drain it on SIGTERM: end when nothing is left, or after this time (without a duration: ${formatDuration(limits.drainOnStopMs)})`,
      durationOption,
    )
    .option('--json', 'print one JSON object per line')
    .addHelpText(
      'after',
      examples(
        'firesteel worker --master firesteel://10.0.0.1:7070 --host 10.0.0.2 --cores 8 --memory 16g',
        'firesteel worker cluster.yaml --name w1',
      ),
    )
    .action((file: string | undefined, options: WorkerOptions) =>
      run(async (io) => {
        refuseBesideFile(file, options)
        const { singleNode } = await import('./single-node.js')
        return singleNode(io, {
          role: 'worker',
          file,
          name: file === undefined ? undefined : options.name,
          flags: flagsOf(options, io.environment.FIRESTEEL_MASTER),
          json: options.json === true,
        })
      }),
    )
}
