import { FiresteelError, reasonOf } from '../../../errors.js'
import { parseDurationMs } from '../../../units.js'
import { type Command, InvalidArgumentError, Option } from '../commander.js'
import { byteText } from '../each/arguments.js'
import type { EachOptions } from '../each/each-options.js'
import { parseHalt } from '../each/halt.js'
import { clusterOptions } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { collectVariable } from './environment.js'
import { checked, collect, idleTimeoutOption, intOption, memoryOption, summariesOption } from './options.js'

/** A duration, or a number of seconds as GNU parallel takes it. */
const secondsOption = checked((text) =>
  parseDurationMs(/^\d+(\.\d+)?$/.test(text) ? `${text}s` : text, { what: 'the duration' }),
)

/** `-j 50%` and `-j +2` of GNU parallel are of the cores of one machine. */
const jobsOption = checked((text) => {
  if (!/^([+-]\d+|\d+%)$/.test(text)) return intOption(0, 65_536)(text)
  const instead = 'without -j all cores of the cluster are used, and --per-core 2 is twice as many'
  throw new FiresteelError('USAGE', `It must be a whole number, 0 to 65536: ${instead}.`)
})

const togetherOption = checked((text) => {
  if (text !== '0') return intOption(1, 65_536)(text)
  const instead = 'a command that does not want its item begins with `: {};`'
  throw new FiresteelError('USAGE', `It must be a whole number, 1 to 65536: ${instead}.`)
})

const haltOption = checked((text) => {
  parseHalt(text)
  return text
})

/** `4`, or `75%` of the cores of the host, whichever it is. */
const loadOption = checked((text) => {
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%)?$/.exec(text) ?? []
  if (number === undefined) throw new FiresteelError('USAGE', 'It must be a load such as 4 or 75%.')
  return percent ? { maxLoadPercent: Number(number) } : { maxLoad: Number(number) }
})

const colsepOption = (text: string): RegExp => {
  try {
    // Items are text whose characters are bytes.
    return new RegExp(byteText(text))
  } catch (error) {
    throw new InvalidArgumentError(`It must be a regular expression: ${reasonOf(error)}.`)
  }
}

const define = (command: Command): Command =>
  command
    .argument(
      '[command]',
      'command for sh -c; {} {.} {/} {//} {/.} {#} and {1} {2.} ... are replaced. Without them the item is appended',
    )
    .argument(
      '[items...]',
      'items, also after :::, or files of items after ::::. Without items they are read from standard input, one per line',
    )
    .description(
      'Runs one command per item on the cluster, like GNU parallel. Each command runs in this folder with this PATH; its output is printed as a whole.',
    )
    .passThroughOptions()

const howMany = (command: Command): Command =>
  command
    .option('-j, --jobs <n>', 'commands at once; 0 is as many as the cluster takes', jobsOption)
    .option('--per-core <n>', 'commands at once on each core, for commands that wait', intOption(1, 1024), 1)
    .option('--delay <duration>', 'time from one start to the next; a number is in seconds', secondsOption)
    .option('--load <max>', 'start only below this load of the host: 4, or 75% of its cores', loadOption)
    .option('--memfree <size>', 'start only if the host has so much free memory', memoryOption)
    .option('--timeout <duration>', 'kill a command after this time; a number is in seconds', secondsOption)
    .option('--retries <n>', 'runs of a failing command in all, as in GNU parallel', intOption(1, 1000), 1)
    .option(
      '--halt <when>',
      'never, N (as now,fail=N), or now|soon,fail|success|done=N|N%: start no more; now: also end those that run',
      haltOption,
    )
    .option('--memory <size>', 'memory of each executor (default: 512m)', memoryOption)
    .addOption(idleTimeoutOption())
    .addOption(summariesOption())
    .option(
      '--env <name=value>',
      'a variable for the commands, or NAME of one of yours; repeatable',
      collectVariable,
    )
    .option('--env-file <file>', 'a file of variables, NAME=VALUE or NAME on each line; repeatable', collect)

const inAndOut = (command: Command): Command =>
  command
    .option('-0, --null', 'items of standard input and files end with NUL bytes')
    .option('-a, --arg-file <file>', 'read items from this file; repeatable', collect)
    .option('-C, --colsep <regexp>', 'split each item into columns {1} {2} ...', colsepOption)
    .option('-N, --max-replace-args <n>', 'items for one command: {1} {2} ...', togetherOption)
    .option('-k, --keep-order', 'print in the order of the items')
    .option('--line-buffer', 'print each line as soon as it is there, while its command runs (--lb)')
    .addOption(new Option('--lb').hideHelp().implies({ lineBuffer: true }))
    .option('--tag', 'put the item and a tab before each line')
    .option('--tagstring <text>', 'put this text and a tab before each line; {} {1} {/} {#} ... are replaced')
    .option('--joblog <file>', "write a line for each command that has ended, with GNU parallel's columns")
    .option('--resume', 'leave out the commands that the joblog has')
    .option('--resume-failed', 'leave out the commands of the joblog that have not failed')
    .option('--results <folder>', 'write the output of each command below this folder instead of printing it')
    .option('--bar', 'show progress as a bar, also where standard error is no terminal')
    .option(
      '--eta',
      'show numbers and the time that is left instead of a bar, also where standard error is no terminal',
    )
    .option('--dry-run', 'print the commands that would run, and run none; with --json an object for each')

export const addEach: AddCommand = (program, run) => {
  clusterOptions(inAndOut(howMany(define(program.command('each')))))
    .addHelpText(
      'after',
      examples(
        "firesteel each 'gzip -k {}' *.log",
        "find . -name '*.png' -print0 | firesteel each -0 -j4 'convert {} {.}.jpg'",
        "firesteel each 'echo {1} in {2}' ::: red green ::: S M L",
        'firesteel each --joblog log --resume-failed --retries 3 ./job.sh :::: items.txt',
      ),
    )
    .action((command: string | undefined, items: string[], options: EachOptions) =>
      run(async (io) => {
        // Other commands need not load it.
        const { eachCommand } = await import('../each/each-command.js')
        return await eachCommand(io, command === undefined ? [] : [command, ...items], options)
      }),
    )
}
