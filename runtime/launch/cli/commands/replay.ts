import type { ReplayOptions } from '../replay.js'
import { type AddCommand, examples } from './command.js'
import { intOption } from './options.js'

export const addReplay: AddCommand = (program, run) => {
  program
    .command('replay')
    .argument('<path>', 'a segment of a recording, or a folder with recordings (tracing.record.directory)')
    .description(
      'Replays what a Master recorded, without a cluster: each decision is made again and compared. A difference is a defect.',
    )
    .option('--list', 'each input, and below it what the Master decided')
    .option('--step', 'the same one by one: Enter for the next, a number for that input, q for the end')
    .option('--status', 'the cluster after the last input, as `firesteel status` shows it')
    .option('--from <input>', 'show only from this input on', intOption(1))
    .option('--to <input>', 'replay only up to this input', intOption(1))
    .option('--json', 'one JSON object a line: for each segment, with --list also for each input')
    .addHelpText(
      'after',
      examples(
        'firesteel replay recordings',
        'firesteel replay recordings/firesteel-m1/segment-000007.jsonl --list --from 4711 --to 4720',
        'firesteel replay recordings/firesteel-m1/segment-000007.jsonl --step --from 4711',
        'firesteel replay recordings/firesteel-m1/segment-000007.jsonl --to 4711 --status',
      ),
    )
    .action((path: string, options: ReplayOptions) =>
      run(async (io) => {
        const { checkReplayOptions, showReplay } = await import('../replay.js')
        checkReplayOptions(options)
        return showReplay(io, path, options)
      }),
    )
}
