import { connect } from '../../../../actors/client/connect.js'
import type { CommandPlace, CommandResult, CommandSpec } from '../../../../actors/executor/command.js'
import { COMMAND_URL } from '../../../../actors/executor/task-module.js'
import { errorRecord } from '../error-record.js'
import { type CommandEnd, hasFailed } from './report.js'
import { commandFor } from './template.js'
import { type WorkItem, WorkList } from './work-list.js'

export interface EachJob {
  readonly template: string
  readonly items: AsyncIterable<string> | Iterable<string>
  /** Commands at once; undefined: as many as the executors run. */
  readonly jobs: number | undefined
  /** Runs of a failing command in all. */
  readonly tries: number
  /** Milliseconds of one run; undefined: no limit. */
  readonly timeoutMs: number | undefined
  /** Failures after which no further command starts; undefined: never. */
  readonly halt: number | undefined
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly address: string | undefined
  /** MiB of each executor; undefined: the default. */
  readonly memoryMib: number | undefined
  readonly masterTimeoutMs: number
  readonly signal: AbortSignal
  /** Called for each command that has ended for good. `known` counts the items so far. */
  readonly onEnd: (end: CommandEnd, known: number) => Promise<void>
}

/** What `each` yields for one command. */
type Outcome = { readonly value: CommandResult; readonly error?: undefined } | { readonly error: Error }

function endOf(item: WorkItem, command: string, outcome: Outcome): CommandEnd {
  const base = { number: item.number, item: item.item, command, attempts: item.attempt }
  if (outcome.error) {
    const { message } = errorRecord(outcome.error)
    const none = new Uint8Array()
    return {
      ...base,
      code: null,
      signal: null,
      error: message,
      stdout: none,
      stderr: none,
      ms: 0,
      host: null,
    }
  }
  const { code, signal, stdout, stderr, ms, host } = outcome.value
  return { ...base, code, signal, error: null, stdout: stdout.bytes, stderr: stderr.bytes, ms, host }
}

/** Runs one command for each item on the executors of an application. Rejects only if there is no cluster. */
export async function runEach(job: EachJob): Promise<void> {
  const halted = new AbortController()
  const signal = AbortSignal.any([job.signal, halted.signal])
  const app = await connect(job.address, {
    name: `each ${job.template}`.slice(0, 200),
    ...(job.jobs === undefined ? {} : { cores: job.jobs }),
    ...(job.memoryMib === undefined ? {} : { executor: { memory: job.memoryMib } }),
    masterTimeout: job.masterTimeoutMs,
    signal: job.signal,
  })
  try {
    await drive(job, app, signal, () => halted.abort())
  } catch (error) {
    if (!halted.signal.aborted || job.signal.aborted) throw error
  } finally {
    await app.close()
  }
}

type App = Awaited<ReturnType<typeof connect>>

async function drive(job: EachJob, app: App, signal: AbortSignal, halt: () => void): Promise<void> {
  const { template, cwd, env, tries, timeoutMs } = job
  const work = new WorkList(job.items)
  const place = JSON.stringify({ cwd, env } satisfies CommandPlace)
  const items = new Map<CommandSpec, WorkItem>()
  async function* specs(): AsyncGenerator<CommandSpec> {
    for await (const item of work) {
      const spec: CommandSpec = {
        command: Buffer.from(commandFor(template, item.item, item.number)),
        place,
      }
      items.set(spec, item)
      yield spec
    }
  }
  // A time-out counts as a failure, which the library would repeat by itself. It repeats after a lost
  // executor either way.
  const attempts = timeoutMs === undefined ? {} : { timeout: timeoutMs, retries: 0 }
  const tasks = app.tasks<{ command: (spec: CommandSpec) => Promise<CommandResult> }>(COMMAND_URL)
  let failures = 0
  for await (const result of app.each(tasks.command, specs(), { signal, ...attempts })) {
    const item = items.get(result.input)!
    items.delete(result.input)
    const end = endOf(item, Buffer.from(result.input.command).toString(), result)
    if (hasFailed(end) && item.attempt < tries) {
      work.retry(item)
      continue
    }
    work.finished()
    await job.onEnd(end, work.taken)
    if (hasFailed(end) && ++failures === job.halt) {
      work.halt()
      halt()
    }
  }
}
