import { FiresteelError } from '../../../errors.js'
import { innerLimits } from '../../../inner-limits.js'
import { givenEnvironment } from '../commands/environment.js'
import { type Console, Interrupted, printJson, READER_GONE_EXIT } from '../console.js'
import { Progress } from '../progress.js'
import { type ByteText, bytesOf, byteText, type EachArguments, splitArguments } from './arguments.js'
import type { EachOptions } from './each-options.js'
import { type Halt, type HaltPolicy, parseHalt } from './halt.js'
import { HostWaits } from './host-waits.js'
import type { Resume } from './joblog.js'
import { JoblogFile } from './joblog-file.js'
import { knownTotal, openSources } from './open-sources.js'
import type { Outputs } from './outputs.js'
import { outputsOf } from './outputs-of.js'
import { type Arguments, recordsOf } from './records.js'
import { type CommandEnd, failureList, hasFailed, itemOf, plannedJson } from './report.js'
import { ResultOutputs } from './result-outputs.js'
import type { EachJob } from './run-each.js'
import { tagBytes } from './tagged-lines.js'
import { commandOf, commandOfValues, parseTemplate, textOf } from './template.js'
import { byteWords } from './words.js'

interface Plan {
  readonly template: ByteText
  readonly records: AsyncIterable<Arguments>
  readonly commandOf: (args: Arguments, number: number) => ByteText
  /** What stands before each line of output. */
  readonly tagOf: ((args: Arguments, number: number) => Uint8Array) | undefined
  /** Undefined until all are read. */
  readonly total: number | undefined
  readonly sources: number
}

function planOf(io: Console, words: readonly string[], options: EachOptions): Plan {
  const { template, sources } = withFiles(splitArguments(byteWords(io, words)), options)
  const open = openSources(sources, io.stdin, options.null ? '\0' : '\n')
  const { colsep: columns, maxReplaceArgs: together = 1 } = options
  const parsed = parseTemplate(template)
  return {
    template,
    records: recordsOf(open, { columns, together }),
    commandOf: template === '' ? commandOfValues : (args, number) => commandOf(parsed, args, number),
    tagOf: tagOf(options),
    total: knownTotal(sources, together),
    sources: open.length,
  }
}

function tagOf({ tag, tagstring }: EachOptions): Plan['tagOf'] {
  if (tagstring === undefined) return tag && ((args) => tagBytes(itemOf(args)))
  const parsed = parseTemplate(byteText(tagstring), { appends: false })
  return (args, number) => tagBytes(textOf(parsed, args, number))
}

/** Files of `-a` come before the sources of the command line. */
function withFiles({ template, sources }: EachArguments, { argFile = [] }: EachOptions): EachArguments {
  const files = argFile.map((path) => ({ kind: 'file', path: byteText(path), linked: false }) as const)
  return { template, sources: [...files, ...sources] }
}

/** Prints what would run: without what the joblog leaves out, which stays as it is. */
async function dryRun(
  io: Console,
  plan: Plan,
  { joblog, json }: EachOptions,
  resume: Resume | undefined,
): Promise<number> {
  const finished = joblog && resume ? await JoblogFile.finished(joblog, resume) : new Set()
  let number = 0
  for await (const args of plan.records) {
    if (io.readerGone.aborted) return READER_GONE_EXIT
    if (finished.has(++number)) continue
    const command = plan.commandOf(args, number)
    if (json) await printJson(io, plannedJson({ number, args, command }))
    else await io.out(bytesOf(`${command}\n`))
  }
  return 0
}

/** A percentage of `--halt` needs the number of all commands before the first one ends. */
async function readFirst(plan: Plan, halt: HaltPolicy | undefined): Promise<Plan> {
  if (halt === undefined || !('percent' in halt.most) || plan.total !== undefined) return plan
  const all: Arguments[] = []
  for await (const args of plan.records) all.push(args)
  return { ...plan, records: asyncOf(all), total: all.length }
}

const haltOf = ({ halt }: EachOptions): HaltPolicy | undefined =>
  halt === undefined ? undefined : parseHalt(halt)

async function* asyncOf<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values
}

/** GNU parallel names a file of each command so. Here the folder has them all. */
function requireOneFolder({ results }: EachOptions): void {
  if (results === undefined) return
  const { parts } = parseTemplate(byteText(results), { appends: false })
  if (parts.every((part) => typeof part === 'string')) return
  throw new FiresteelError(
    'USAGE',
    `--results ${results} must be a folder: nothing is replaced in its name.`,
    {
      place: '--results',
      help: 'Name the folder alone. Each command has a folder below it with stdout, stderr and seq.',
    },
  )
}

export async function eachCommand(
  io: Console,
  words: readonly string[],
  options: EachOptions,
): Promise<number> {
  if ((options.resume || options.resumeFailed) && options.joblog === undefined) {
    throw new FiresteelError('USAGE', '--resume and --resume-failed need --joblog: it says what has run.')
  }
  if (options.lineBuffer && options.json) {
    throw new FiresteelError(
      'USAGE',
      '--json prints one line for each command, so it cannot have --line-buffer.',
    )
  }
  requireOneFolder(options)
  const given = planOf(io, words, options)
  const resume = options.resumeFailed ? 'failed' : options.resume ? 'done' : undefined
  if (options.dryRun) return dryRun(io, given, options, resume)
  const plan = await readFirst(given, haltOf(options))
  if (options.results !== undefined) await ResultOutputs.make(options.results)
  const opened = options.joblog === undefined ? undefined : await JoblogFile.open(options.joblog, resume)
  try {
    return await new EachRun(io, plan, options, opened?.log, opened?.finished ?? new Set()).run()
  } finally {
    await opened?.log.close()
  }
}

class EachRun {
  readonly #io: Console
  readonly #plan: Plan
  readonly #options: EachOptions
  readonly #log: JoblogFile | undefined
  readonly #finished: ReadonlySet<number>
  readonly #outputs: Outputs
  readonly #progress: Progress
  readonly #failed: CommandEnd[] = []
  readonly #waits: HostWaits
  #done = 0
  /** Commands that need not run again. */
  #skipped = 0

  constructor(
    io: Console,
    plan: Plan,
    options: EachOptions,
    log: JoblogFile | undefined,
    finished: ReadonlySet<number>,
  ) {
    this.#io = io
    this.#plan = plan
    this.#options = options
    this.#log = log
    this.#finished = finished
    this.#progress = new Progress(io, 'commands', options)
    this.#waits = new HostWaits((text) => this.#progress.err(`${text}\n`))
    this.#outputs = outputsOf(options, {
      io: this.#progress,
      tagOf: plan.tagOf,
      sources: plan.sources,
    })
  }

  async run(): Promise<number> {
    const io = this.#io
    this.#progress.start(this.#plan.total ?? 0)
    let halt: Halt
    try {
      const { runEach } = await import('./run-each.js')
      halt = await runEach(await this.#job())
      await this.#outputs.rest()
    } catch (error) {
      if (io.readerGone.aborted) return READER_GONE_EXIT
      await this.#outputs.rest()
      throw io.interrupted.aborted ? new Interrupted() : error
    } finally {
      await this.#progress.stop()
      await this.#outputs.close()
    }
    if (io.readerGone.aborted) return READER_GONE_EXIT
    const succeeded = halt.reached && haltOf(this.#options)?.of === 'success'
    return this.#failed.length === 0 || succeeded ? 0 : await this.#refuse(halt)
  }

  async #job(): Promise<EachJob> {
    const io = this.#io
    const { PATH } = io.environment
    const path = PATH === undefined ? {} : { PATH }
    const { jobs, perCore, retries, timeout, delay = 0, load, memfree } = this.#options
    return {
      template: this.#plan.template,
      records: this.#plan.records,
      commandOf: this.#plan.commandOf,
      skips: (number) => this.#skips(number),
      total: () => this.#plan.total,
      jobs: jobs === 0 ? undefined : jobs,
      perCore,
      tries: retries,
      delayMs: delay,
      halt: haltOf(this.#options),
      place: { cwd: io.cwd, env: { ...path, ...(await givenEnvironment(io, this.#options)) } },
      limits: {
        ...(this.#options.lineBuffer && { streams: true }),
        ...(timeout === undefined ? {} : { timeoutMs: timeout }),
        ...load,
        ...(memfree === undefined ? {} : { minFreeBytes: memfree * 1024 * 1024 }),
      },
      address: this.#options.master,
      memoryMib: this.#options.memory,
      idleTimeoutMs: this.#options.idleTimeout,
      summaries: this.#options.summaries,
      masterTimeoutMs: this.#options.masterTimeout,
      signal: AbortSignal.any([io.interrupted, io.readerGone]),
      onWait: ({ host, text }) => this.#waits.told(host, text),
      onPart: (part) => this.#outputs.part(part),
      onEnd: (end, known) => this.#ended(end, known),
    }
  }

  #skips(number: number): boolean {
    const skips = this.#finished.has(number)
    if (skips) {
      this.#skipped++
      this.#outputs.skip(number)
    }
    return skips
  }

  async #ended(given: CommandEnd, known: number): Promise<void> {
    const end = this.#options.json ? asJsonTakes(given) : given
    this.#done++
    if (hasFailed(end)) this.#failed.push(withoutOutput(end))
    await this.#outputs.end(end)
    await this.#log?.add(end)
    const total = (this.#plan.total ?? known) - this.#skipped
    this.#progress.update({ done: this.#done, failed: this.#failed.length, total })
  }

  async #refuse(halt: Halt): Promise<never> {
    const failed = this.#failed
    if (!this.#options.json) await this.#io.err(`${['Failed:', ...failureList(failed)].join('\n')}\n`)
    const halted = halt.reached ? `; stopped by --halt ${this.#options.halt}` : ''
    const of = this.#plan.total ?? this.#done
    throw new FiresteelError('COMMAND_FAILED', `${failed.length} of ${of} commands failed${halted}.`)
  }
}

/** A line of JSON cannot have any amount of output: it has the beginning then, and the command has failed. */
function asJsonTakes(end: CommandEnd): CommandEnd {
  const bytes = Math.max(...end.sent)
  if (bytes <= innerLimits.eachJsonBytes) return end
  const error = `it printed ${bytes} bytes, more than a line of JSON takes; without --json, or with --results FOLDER, all of it comes`
  return { ...end, error: end.error ?? error }
}

/** The list of failures needs none, and may be long. */
const withoutOutput = (end: CommandEnd): CommandEnd => ({ ...end, stdout: NOTHING, stderr: NOTHING })
const NOTHING = new Uint8Array(0)
