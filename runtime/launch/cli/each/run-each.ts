import type { App } from '../../../../actors/client/app.js'
import { connect } from '../../../../actors/client/connect.js'
import type { CommandPlace, CommandResult, CommandSpec } from '../../../../actors/executor/command.js'
import { COMMAND_URL } from '../../../../actors/executor/task-module.js'
import { type CallOptions, type TakesOutput, takeOutput } from '../../../../actors/tasks/task-options.js'
import { errorRecord } from '../error-record.js'
import { applicationName, type ByteText, bytesOf } from './arguments.js'
import { Halt, type HaltPolicy } from './halt.js'
import type { CommandPart } from './part-files.js'
import type { Arguments } from './records.js'
import { type CommandEnd, hasFailed } from './report.js'
import { StartGate } from './start-gate.js'
import { type WorkItem, WorkList } from './work-list.js'

export interface EachJob {
  /** For people. */
  readonly template: ByteText
  readonly records: AsyncIterable<Arguments>
  readonly commandOf: (args: Arguments, number: number) => ByteText
  /** Whether this command need not run. */
  readonly skips: (number: number) => boolean
  /** All commands; undefined until that is known. */
  readonly total: () => number | undefined
  /** Commands at once; undefined: as many as the executors run. */
  readonly jobs: number | undefined
  /** Commands at once on each core. */
  readonly perCore: number
  /** Runs of a failing command in all. */
  readonly tries: number
  readonly delayMs: number
  readonly halt: HaltPolicy | undefined
  readonly place: CommandPlace
  /** What each command takes beside its text. */
  readonly limits: Pick<CommandSpec, 'timeoutMs' | 'maxLoad' | 'maxLoadPercent' | 'minFreeBytes' | 'streams'>
  readonly address: string | undefined
  /** MiB of each executor; undefined: the default. */
  readonly memoryMib: number | undefined
  /** Infinity: idle executors are kept; undefined: the default. */
  readonly idleTimeoutMs: number | undefined
  readonly summaries: boolean
  readonly masterTimeoutMs: number
  readonly signal: AbortSignal
  /** A command waits for its host. */
  readonly onWait: (wait: { readonly host: string; readonly text: string }) => Promise<void>
  /** Called with output of a command that has not ended. Its command waits until this resolves. */
  readonly onPart: (part: CommandPart) => Promise<void>
  /** Called for each command that has ended for good. `known` counts the items so far. */
  readonly onEnd: (end: CommandEnd, known: number) => Promise<void>
}

/** What `each` yields for one command. */
type Outcome = { readonly value: CommandResult; readonly error?: undefined } | { readonly error: Error }

const NOTHING = new Uint8Array(0)

function endOf(item: WorkItem, command: ByteText, outcome: Outcome): CommandEnd {
  const base = { number: item.number, args: item.args, command, attempts: item.attempt }
  if (outcome.error) {
    const { message: error } = errorRecord(outcome.error)
    const unknown = { code: null, signal: null, timedOut: false, startedAtMs: null, ms: 0, host: null }
    return { ...base, ...unknown, error, stdout: NOTHING, stderr: NOTHING, sent: [0, 0] }
  }
  const { stdout, stderr, ...rest } = outcome.value
  const sent = [stdout.sentBytes, stderr.sentBytes] as const
  return { ...base, ...rest, error: null, stdout: stdout.bytes, stderr: stderr.bytes, sent }
}

/**
 * Runs one command for each record on the executors of an application. Rejects only if there is no cluster.
 */
export async function runEach(job: EachJob): Promise<Halt> {
  const halted = new AbortController()
  const signal = AbortSignal.any([job.signal, halted.signal])
  const halt = new Halt(job.halt)
  const app = await connect(job.address, {
    // Its task is built in.
    code: false,
    name: applicationName(job.template),
    ...(job.jobs === undefined ? {} : { cores: Math.ceil(job.jobs / job.perCore) }),
    executor: {
      tasksPerCore: job.perCore,
      ...(job.memoryMib === undefined ? {} : { memory: job.memoryMib }),
      ...(job.idleTimeoutMs === undefined ? {} : { idleTimeout: job.idleTimeoutMs }),
    },
    masterTimeout: job.masterTimeoutMs,
    summaries: job.summaries,
    signal: job.signal,
  })
  try {
    await drive(job, app, { signal, halt, now: () => halted.abort() })
  } catch (error) {
    if (!halted.signal.aborted || job.signal.aborted) throw error
  } finally {
    await app.close()
  }
  return halt
}

const needsHost = ({ maxLoad, maxLoadPercent, minFreeBytes }: EachJob['limits']): boolean =>
  maxLoad !== undefined || maxLoadPercent !== undefined || minFreeBytes !== undefined

/** A command that waits says why, by its progress: `host: reason`. */
function told({ onWait }: EachJob, text = ''): void {
  const host = text.slice(0, text.indexOf(':'))
  if (host !== '') void onWait({ host, text })
}

interface Control {
  readonly signal: AbortSignal
  readonly halt: Halt
  readonly now: () => void
}

async function drive(job: EachJob, app: App, { signal, halt, now }: Control): Promise<void> {
  const work = new WorkList(job.records, job.skips)
  const items = new Map<CommandSpec, WorkItem>()
  const tasks = app.tasks<{ command: (spec: CommandSpec) => Promise<CommandResult> }>(COMMAND_URL)
  const options: CallOptions<CommandSpec> & TakesOutput<CommandSpec> = {
    signal,
    ...(needsHost(job.limits) && { onProgress: ({ task }) => told(job, task?.text) }),
    [takeOutput]: async ({ input, attempt, output, bytes }) => {
      const item = items.get(input)
      if (item === undefined) return
      const { number, args } = item
      await job.onPart({ number, output, attempt: `${item.attempt}.${attempt}`, bytes, args })
    },
  }
  for await (const result of app.each(tasks.command, specsOf(job, { work, items, app, signal }), options)) {
    const item = items.get(result.input)!
    items.delete(result.input)
    const end = endOf(item, Buffer.from(result.input.command).toString('latin1'), result)
    if (hasFailed(end) && end.error === null && item.attempt < job.tries) {
      work.retry(item)
      continue
    }
    work.finished()
    await job.onEnd(end, work.taken)
    const when = halt.add(hasFailed(end), job.total() ?? work.taken)
    if (when !== undefined) work.halt()
    if (when === 'now') now()
  }
}

interface Sources {
  readonly work: WorkList
  readonly items: Map<CommandSpec, WorkItem>
  readonly app: App
  readonly signal: AbortSignal
}

async function* specsOf(job: EachJob, { work, items, app, signal }: Sources): AsyncGenerator<CommandSpec> {
  const place = JSON.stringify(job.place)
  const { perCore, jobs = Number.POSITIVE_INFINITY, delayMs } = job
  const slots = (): number =>
    Math.min(
      jobs,
      app.executors.reduce((sum, { cores }) => sum + cores * perCore, 0),
    )
  const gate =
    job.halt !== undefined || delayMs > 0 || jobs % perCore > 0
      ? new StartGate({ delayMs, slots, underWay: () => work.underWay, signal })
      : undefined
  for await (const item of work) {
    await gate?.pass()
    if (work.halted) return
    const command = bytesOf(job.commandOf(item.args, item.number))
    const spec: CommandSpec = { command, place, ...job.limits }
    items.set(spec, item)
    yield spec
  }
}
