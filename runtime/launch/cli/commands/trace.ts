import { traceFormats } from '../../../trace/trace-formats.js'
import { Argument } from '../commander.js'
import { checkTraceOptions, type TraceAction, type TraceOptions, traceActions } from '../trace-options.js'
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
      .addArgument(
        new Argument('[action]', 'record writes all messages into FILE, show prints such a FILE').choices(
          traceActions,
        ),
      )
      .argument('[file]', 'the recorded trace')
      .option('-f, --follow', 'follow the messages until interrupted')
      .option('--message <name>', 'only messages of this type (repeatable), such as ElectedLeader', collect)
      .option('--actor <path>', 'only to or from this actor: a path, Master, host:port or Master@host:port')
      .option('--trace <id>', 'only this trace: all that one message led to', intOption(0))
      .option('--app <id>', 'only what names this application (id or name), its causes and effects')
      .option('--driver <id>', 'only what names this driver (id or name), its causes and effects')
      .option('--tree', 'each trace as a tree: below a message stands what it led to')
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
        'firesteel trace --driver etl --quiet --format svg > etl.svg',
        'firesteel trace --driver etl --tree',
        'firesteel trace record failover.trace',
        'firesteel trace show failover.trace --message ElectedLeader',
      ),
    )
    .action((action: TraceAction | undefined, file: string | undefined, options: TraceOptions) =>
      run(async (io) => {
        checkTraceOptions(action, file, options)
        if (action === 'show') {
          const { showRecordedTrace } = await import('../recorded-trace.js')
          return showRecordedTrace(io, file!, options)
        }
        return withClient(io, options, async (client) => {
          const { showTrace } = await import('../show-trace.js')
          return showTrace(io, client, options, file)
        })
      }),
    )
}
