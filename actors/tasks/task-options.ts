import { FiresteelError } from '../../runtime/errors.js'
import { checkKnownOptions } from '../../runtime/known-options.js'
import { limits } from '../../runtime/limits.js'
import { DURATION_MS_MAX, parseDurationMs } from '../../runtime/units.js'
import { type BackoffOptions, backoffOf } from './backoff-option.js'
import type { Backoff, TaskStep } from './dispatch-types.js'
import { checkLimit, type LimitOptions } from './limit-option.js'

/** Options of `tasks()`. They hold for every call of its functions that does not set its own. */
export interface TaskOptions {
  /**
   * Failures and timeouts that are repeated; default 3 (4 attempts). 0: at most once, even if an executor is
   * lost.
   */
  readonly retries?: number
  /**
   * The waits between attempts after a failure or a timeout: exponential with jitter, by default from 100 ms
   * to 30 s. A duration alone is the first wait; false or 0: none. An executor that was lost causes no wait.
   */
  readonly backoff?: boolean | string | number | BackoffOptions
  /**
   * Called in this process with what the task threw, or with its timeout, if a retry is left. False: no more
   * attempts. What it throws becomes the error of the task (CALLBACK_FAILED).
   */
  readonly retryIf?: (error: Error) => boolean
  /** For one attempt: a duration such as `30s`, or milliseconds. Default: none, like `Infinity`. */
  readonly timeout?: string | number
}

export interface TaskProgress {
  readonly done: number
  readonly failed: number
  /** Attempts after a failure, a timeout or the loss of an executor. */
  readonly retried: number
  /** Tasks of this call that run, wait at executors, and wait in this process. */
  readonly running: number
  readonly atExecutors: number
  readonly waiting: number
  /** Set if the inputs have a length. */
  readonly total?: number
  /** Set if this call tells what a task said by `context().progress`: of the input of this index. */
  readonly task?: TaskStep & { readonly index: number }
}

/** Options of `map()` and `each()`. They override those of `tasks()`, which override the defaults. */
// biome-ignore lint/suspicious/noExplicitAny: as in LimitOptions
export interface CallOptions<I = any> extends TaskOptions {
  /**
   * Called after tasks have ended, once for tasks that ended together; and with `task` when a task says how
   * far it is, for each task ten times a second at most.
   */
  readonly onProgress?: (progress: TaskProgress) => void
  /** Aborting it ends the call, and the loop that reads the results throws the signal's reason. */
  readonly signal?: AbortSignal
  /** The most tasks of this call under way at a time; default: as many as the executors take. */
  readonly concurrency?: number
  /**
   * How many tasks may run for one key, and begin in a second: `{ key: (url) => new URL(url).host,
   * concurrency: 4, perSecond: 10 }`. Inputs whose key has its share wait without keeping others back.
   */
  readonly limit?: LimitOptions<I>
}

/**
 * The key of an option of our own commands. It is no string, so nobody passes it by accident, and no list of
 * options has it.
 */
export const takeOutput = Symbol('takeOutput')

/** A part of what the task of one input puts out. An input may have several attempts. */
export interface InputOutput<I> {
  readonly input: I
  readonly attempt: number
  /** As the task numbers its outputs. */
  readonly output: number
  readonly bytes: Uint8Array
}

export interface TakesOutput<I> {
  /** The task waits until this resolves. What it rejects with ends the call. */
  readonly [takeOutput]: (part: InputOutput<I>) => Promise<void>
}

export interface TaskSettings {
  readonly retries: number
  readonly backoff: Backoff | undefined
  readonly retryIf: ((error: Error) => boolean) | undefined
  /** Milliseconds for one attempt; 0: no timeout. */
  readonly timeoutMs: number
}

/** The settings of one call, all levels merged. */
export interface CallSettings extends TaskSettings {
  readonly onProgress: ((progress: TaskProgress) => void) | undefined
  readonly signal: AbortSignal | undefined
  readonly concurrency: number | undefined
  readonly limit: LimitOptions | undefined
  // biome-ignore lint/suspicious/noExplicitAny: as in LimitOptions
  readonly takeOutput: TakesOutput<any>[typeof takeOutput] | undefined
}

const HELP = 'See docs/tasks.md for the options of tasks(), map() and each().'
const DEFAULTS: Required<Omit<TaskOptions, 'retryIf'>> = {
  retries: limits.taskAttempts - 1,
  backoff: true,
  timeout: Number.POSITIVE_INFINITY,
}

type Checks = Readonly<Record<string, (value: unknown) => void>>

/** The check of each option, by the calls that take it. A check throws USAGE. */
const taskChecks = {
  retries: (value: unknown) => checkWhole('retries', value, 0),
  backoff: (value: unknown) => void backoffOf(value, HELP),
  retryIf: (value: unknown) => checkFunction('retryIf', value),
  timeout: (value: unknown) => void timeoutMsOf(value),
} satisfies Checks & Record<keyof TaskOptions, unknown>

const callChecks = {
  ...taskChecks,
  concurrency: (value: unknown) => checkWhole('concurrency', value, 1),
  limit: (value: unknown) => checkLimit(value, HELP),
  onProgress: (value: unknown) => checkFunction('onProgress', value),
  signal: (value: unknown) => {
    if (!(value instanceof AbortSignal)) refuse('signal', 'signal must be an AbortSignal.')
  },
} satisfies Checks & Record<keyof CallOptions, unknown>

/** The given options of `tasks()`. Throws USAGE. */
export function taskOptions(options: unknown = {}): TaskOptions {
  const names = Object.keys(callChecks)
  const elsewhere = { names, what: 'map() and each()' }
  return given<TaskOptions>(options, taskChecks, { what: 'tasks()', elsewhere })
}

/**
 * Merges options, and only here: those of the call override those of `tasks()`, which override defaults.
 * Throws USAGE.
 */
export function callSettings(
  ofTasks: TaskOptions,
  ofCall?: { what: string; options: unknown },
): CallSettings {
  const call = ofCall ? given<CallOptions>(ofCall.options, callChecks, ofCall) : {}
  const merged: CallOptions & typeof DEFAULTS = { ...DEFAULTS, ...ofTasks, ...call }
  const { retries, retryIf, onProgress, signal, concurrency, limit } = merged
  const [backoff, timeoutMs] = [backoffOf(merged.backoff, HELP), timeoutMsOf(merged.timeout)]
  const { [takeOutput]: take } = (ofCall?.options ?? {}) as Partial<TakesOutput<unknown>>
  return { retries, backoff, retryIf, timeoutMs, onProgress, signal, concurrency, limit, takeOutput: take }
}

/** Checks the options and drops undefined values, which count as not given. */
function given<O>(
  options: unknown,
  checks: Checks,
  { what, elsewhere }: { what: string; elsewhere?: { names: readonly string[]; what: string } },
): O {
  const names = Object.keys(checks)
  checkKnownOptions(options, { what, names, help: HELP, ...(elsewhere && { elsewhere }) })
  // Each is read once, also one that is not enumerable.
  const all = names.map((name) => [name, (options as Readonly<Record<string, unknown>>)[name]] as const)
  const entries = all.filter(([, value]) => value !== undefined)
  for (const [name, value] of entries) checks[name]?.(value)
  return Object.fromEntries(entries) as O
}

function timeoutMsOf(timeout: unknown): number {
  if (timeout === Number.POSITIVE_INFINITY) return 0
  if (typeof timeout !== 'string' && typeof timeout !== 'number') {
    refuse('timeout', `timeout is ${String(timeout)}; it must be a duration such as 30s, or milliseconds.`)
  }
  const ms = parseDurationMs(timeout, { what: 'timeout' })
  if (ms === 0) refuse('timeout', 'timeout is 0; an attempt needs time. Infinity means no timeout.')
  return Math.min(ms, DURATION_MS_MAX)
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') refuse(name, `${name} must be a function.`)
}

function checkWhole(name: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return
  refuse(name, `${name} is ${String(value)}; it must be a whole number from ${least}.`)
}

function refuse(place: string, message: string): never {
  throw new FiresteelError('USAGE', message, { place, help: HELP })
}
