import { FiresteelError } from '../../../errors.js'
import { type Console, Interrupted, printJson } from '../console.js'
import { readItems } from '../each/items.js'
import { type CommandEnd, EndOrder, failureList, hasFailed, tagLines } from '../each/report.js'
import type { EachJob } from '../each/run-each.js'
import { commandFor, splitArguments } from '../each/template.js'
import type { ClusterOptions } from './cluster.js'
import { clusterOptions } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { collectEnvironment, durationOption, intOption, memoryOption } from './options.js'

interface EachOptions extends ClusterOptions {
  readonly jobs?: number
  readonly keepOrder?: true
  readonly tag?: true
  readonly dryRun?: true
  readonly retries: number
  readonly timeout?: number
  readonly halt?: number
  readonly null?: true
  readonly memory?: number
  readonly env?: Readonly<Record<string, string>>
}

const decode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

/** Prints the whole output of one command, never mixed with that of another. */
async function printEnd(io: Console, end: CommandEnd, { json, tag }: EachOptions): Promise<void> {
  if (json) {
    const { stdout, stderr, ...rest } = end
    await printJson(io, { ...rest, ms: Math.round(end.ms), stdout: decode(stdout), stderr: decode(stderr) })
    return
  }
  const shown = (output: Uint8Array): Uint8Array => (tag ? tagLines(output, end.item) : output)
  if (end.stdout.length > 0) await io.out(shown(end.stdout))
  if (end.stderr.length > 0) await io.err(shown(end.stderr))
}

type Items = Iterable<string> | AsyncIterable<string>

async function dryRun(io: Console, template: string, items: Items): Promise<number> {
  let number = 0
  for await (const item of items) await io.out(`${commandFor(template, item, ++number)}\n`)
  return 0
}

async function each(
  io: Console,
  command: string,
  rest: readonly string[],
  options: EachOptions,
): Promise<number> {
  const { template, items: given } = splitArguments(command, rest)
  const items = given ?? readItems(io.stdin as AsyncIterable<Buffer>, options.null ? '\0' : '\n')
  if (options.dryRun) return dryRun(io, template, items)
  const { Progress } = await import('../progress.js')
  const progress = new Progress(io, 'commands')
  const order = new EndOrder(options.keepOrder === true)
  const failed: CommandEnd[] = []
  let done = 0
  const print = (ends: readonly CommandEnd[]): Promise<void> =>
    progress.around(async () => {
      for (const end of ends) await printEnd(io, end, options)
    })
  const job: EachJob = {
    template,
    items,
    jobs: options.jobs === 0 ? undefined : options.jobs,
    tries: options.retries,
    timeoutMs: options.timeout,
    halt: options.halt,
    cwd: io.cwd,
    env: { ...(io.environment.PATH === undefined ? {} : { PATH: io.environment.PATH }), ...options.env },
    address: options.master,
    memoryMib: options.memory,
    masterTimeoutMs: options.masterTimeout,
    signal: io.interrupted,
    onEnd: async (end, known) => {
      done++
      if (hasFailed(end)) failed.push(end)
      await print(order.add(end))
      progress.update(done, failed.length, given?.length ?? known)
    },
  }
  progress.start(given?.length ?? 0)
  try {
    const { runEach } = await import('../each/run-each.js')
    await runEach(job)
    await print(order.rest())
  } catch (error) {
    await print(order.rest())
    throw io.interrupted.aborted ? new Interrupted() : error
  } finally {
    progress.stop()
  }
  if (failed.length === 0) return 0
  return refuse(io, failed, done, given?.length, options)
}

async function refuse(
  io: Console,
  failed: readonly CommandEnd[],
  done: number,
  total: number | undefined,
  { json, halt }: EachOptions,
): Promise<never> {
  if (!json) await io.err(`${['Failed:', ...failureList(failed)].join('\n')}\n`)
  const halted = halt !== undefined && failed.length >= halt ? `; stopped by --halt ${halt}` : ''
  const of = total === undefined ? `${done}` : `${total}`
  throw new FiresteelError('COMMAND_FAILED', `${failed.length} of ${of} commands failed${halted}.`)
}

export const addEach: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('each')
      .argument(
        '<command>',
        'command for sh -c; {} {.} {/} {//} {#} are replaced. Without {} the item is appended',
      )
      .argument(
        '[items...]',
        'items, also after :::. Without items they are read from standard input, one per line',
      )
      .description(
        'Runs one command per item on the cluster, like GNU parallel. Each command runs in this folder with this PATH; its output is printed as a whole.',
      )
      .passThroughOptions()
      .option('-j, --jobs <n>', 'commands at once; 0 is as many as the cluster takes', intOption(0, 65_536))
      .option('-k, --keep-order', 'print in the order of the items')
      .option('--tag', 'put the item and a tab before each line')
      .option('--dry-run', 'print the commands and run none')
      .option('--retries <n>', 'runs of a failing command in all, as in GNU parallel', intOption(1, 1000), 1)
      .option(
        '--timeout <duration>',
        'kill a command after this time. With --timeout, a command whose executor died is not repeated',
        durationOption,
      )
      .option('--halt <n>', 'after N failed commands, start no more and end those that run', intOption(1))
      .option('-0, --null', 'items on standard input end with NUL bytes')
      .option('--memory <size>', 'memory of each executor (default: 512m)', memoryOption)
      .option('--env <name=value>', 'a variable for the commands; repeatable', collectEnvironment),
  )
    .addHelpText(
      'after',
      examples(
        "firesteel each 'gzip -k {}' *.log",
        "find . -name '*.png' -print0 | firesteel each -0 -j4 'convert {} {.}.jpg'",
        "firesteel each --master local 'echo {#}: {/}' ::: a/b c/d",
      ),
    )
    .action((command: string, items: string[], options: EachOptions) =>
      run((io) => each(io, command, items, options)),
    )
}
