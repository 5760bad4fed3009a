import { traceFormats } from '../../../trace/trace-formats.js'
import type { TraceOptions } from '../show-trace.js'
import { clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { choiceOption, collect, durationOption, intOption } from './options.js'

export const addTrace: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('trace')
      .description(
        'Shows the messages between the actors of all processes, in causal order, as far as each process remembers them.',
      )
      .option('-f, --follow', 'follow the messages until interrupted')
      .option('--message <name>', 'only messages of this type (repeatable), such as ElectedLeader', collect)
      .option('--actor <path>', 'only to or from this actor: a path, Master, host:port or Master@host:port')
      .option('--since <duration>', 'only what is younger, such as 30s (default: all)', durationOption)
      .addOption(choiceOption('--format <format>', 'how it is printed (default: table)', traceFormats))
      .option('--payloads', 'with the content of the messages, shortened, secrets removed')
      .option('-q, --quiet', 'without heartbeats, and without what actors send to themselves, such as timers')
      .option('--tail <messages>', 'begin with the last of them (default: all)', intOption(0)),
  )
    .addHelpText(
      'after',
      examples(
        'firesteel trace --quiet --since 30s',
        'firesteel trace --message ElectedLeader --message MasterChanged --format json',
        'firesteel trace --quiet --since 10s --format mermaid > failover.mmd',
        'firesteel trace -f --actor Master',
      ),
    )
    .action((options: TraceOptions) =>
      run((io) =>
        withClient(io, options, async (client) => {
          const { showTrace } = await import('../show-trace.js')
          return showTrace(io, client, options)
        }),
      ),
    )
}
