import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { durationOption, intOption } from './options.js'

interface ApplyFlags extends ClusterOptions {
  readonly dryRun?: true
  readonly prune?: true
  readonly to?: number
  /** Milliseconds. */
  readonly deadline?: number
}

export const addApply: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('apply')
      .argument('[file]', 'deployment file (YAML)')
      .description(
        'Makes a running cluster what a deployment file says, and restarts nothing that need not. It shows the difference first, then takes one step after the other: new nodes start, submissions are submitted, replaced or ended, Workers whose settings changed restart with their work, Masters hand over and restart, Workers that are gone drain and stop. It may be interrupted and run again.',
      )
      .option('--dry-run', 'show the difference and the steps, and do nothing')
      .option('--prune', 'also end the drivers of earlier files that this file does not name')
      .option('--to <n>', 'instead of FILE: back to the file of this deployment', intOption(1))
      .option(
        '--deadline <duration>',
        'how long Workers that go may drain (default: their drainOnStop, or 1h)',
        durationOption,
      ),
  )
    .addHelpText(
      'after',
      examples(
        'firesteel apply cluster.yaml --dry-run',
        'firesteel apply cluster.yaml',
        'firesteel apply --to 3',
      ),
    )
    .action((file: string | undefined, flags: ApplyFlags) =>
      run((io) =>
        withClient(io, flags, async (client, found) => {
          const { apply } = await import('../apply/apply.js')
          const { to, deadline: drainMs, dryRun, prune, json } = flags
          return apply({
            ...{ io, client, found },
            options: {
              ...{ file, to, drainMs },
              dryRun: dryRun === true,
              prune: prune === true,
              json: json === true,
            },
          })
        }),
      ),
    )
}
