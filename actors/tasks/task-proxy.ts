import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { DURATION_MS_MAX, parseDurationMs } from '../../runtime/units.js'
import type { CommandResult, CommandSpec } from '../executor/command.js'
import { COMMAND_URL } from '../executor/task-module.js'
import { fromBytes, toBytes } from '../messages/cloneable.js'
import { errorOf } from './outcome-error.js'
import type { FunctionRef, TaskPool } from './task-pool.js'

export interface TaskOptions {
  /** Failures and timeouts before one counts; default 3 (4 attempts). 0: at most once, also when an executor is lost. */
  readonly retries?: number
  /** Of one attempt: `30s` or milliseconds; default none. */
  readonly timeout?: string | number
}

// biome-ignore lint/suspicious/noExplicitAny: the one type that every function's parameters are assignable to
type AnyFunction = (...args: any[]) => unknown

/** A function of a task module as its driver sees it: the same arguments, a promise of the result. */
export type TaskFunction<F extends AnyFunction = AnyFunction> = (
  ...args: Parameters<F>
) => Promise<Awaited<ReturnType<F>>>

/** All functions of a task module. */
export type TaskFunctions<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K : never]: M[K] extends AnyFunction
    ? TaskFunction<M[K]>
    : never
}

const refs = new WeakMap<object, FunctionRef>()
/** What engines and promises look for on any object: a task of this name would be called by accident. */
const NOT_TASKS: ReadonlySet<string> = new Set(['then', 'toJSON', 'constructor', 'prototype'])

/** Typed functions of the module at `url`. Nothing is looked up here: a missing export fails its call. */
export function tasksOf<M>(pool: TaskPool, url: URL | string, options: TaskOptions = {}): TaskFunctions<M> {
  const href = hrefOf(url)
  const settings = taskSettings(options)
  const known = new Map<string, TaskFunction>()
  return new Proxy(Object.create(null) as TaskFunctions<M>, {
    get(_target, name) {
      if (typeof name !== 'string' || NOT_TASKS.has(name)) return undefined
      let found = known.get(name)
      if (found === undefined) {
        found = taskFunction(pool, { url: href, name }, settings)
        known.set(name, found)
      }
      return found
    },
  })
}

/** The builtin that runs a command of `each`. */
export function commandTask(
  pool: TaskPool,
  options: TaskOptions = {},
): (spec: CommandSpec) => Promise<CommandResult> {
  const ref = { url: COMMAND_URL, name: 'command' }
  return taskFunction(pool, ref, taskSettings(options)) as (spec: CommandSpec) => Promise<CommandResult>
}

/** Where a task function is. Throws USAGE where it is not one. */
export function refOf(fn: unknown): FunctionRef {
  const ref = typeof fn === 'function' ? refs.get(fn) : undefined
  if (ref !== undefined) return ref
  throw new FiresteelError(
    'USAGE',
    'What is to run as a task must come from tasks(url), not be a function of this program.',
  )
}

export interface TaskSettings {
  readonly retries: number
  readonly timeoutMs: number
}

/** Throws USAGE. */
export function taskSettings({ retries = limits.taskAttempts - 1, timeout = 0 }: TaskOptions): TaskSettings {
  if (!Number.isSafeInteger(retries) || retries < 0) {
    throw new FiresteelError('USAGE', `retries is ${retries}; it must be a whole number from 0.`, {
      place: 'retries',
    })
  }
  const timeoutMs = timeout === Number.POSITIVE_INFINITY ? 0 : parseDurationMs(timeout, { what: 'timeout' })
  return { retries, timeoutMs: Math.min(timeoutMs, DURATION_MS_MAX) }
}

/** node:v8 bytes of a task's arguments. Throws INPUT_NOT_CLONEABLE or INPUT_TOO_LARGE. */
export function inputBytes(pool: TaskPool, { name }: FunctionRef, args: readonly unknown[]): Uint8Array {
  return toBytes(args, {
    root: 'input',
    notCloneable: 'INPUT_NOT_CLONEABLE',
    tooLarge: 'INPUT_TOO_LARGE',
    maxBytes: pool.limits.maxInputBytes,
    list: true,
    task: name,
  })
}

/** The value of a result. Throws INTERNAL where its bytes are none. */
export function resultValue(body: Uint8Array, { name }: FunctionRef): unknown {
  try {
    return fromBytes(body)
  } catch (cause) {
    throw new FiresteelError('INTERNAL', `The result of ${name} cannot be read: ${reasonOf(cause)}`, {
      cause,
    })
  }
}

function taskFunction(pool: TaskPool, ref: FunctionRef, settings: TaskSettings): TaskFunction {
  const call = (...args: unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      pool.submit({
        fn: ref,
        input: inputBytes(pool, ref, args),
        ...settings,
        group: 0,
        onEnd: (outcome) => {
          if (outcome.end.kind !== 'value') return reject(errorOf(outcome, ref.name))
          try {
            resolve(resultValue(outcome.end.body, ref))
          } catch (error) {
            reject(error)
          }
        },
      })
    })
  Object.defineProperty(call, 'name', { value: ref.name })
  refs.set(call, ref)
  return call
}

function hrefOf(url: URL | string): string {
  try {
    return new URL(url).href
  } catch {
    throw new FiresteelError('USAGE', `${String(url)} is no URL of a task module.`, {
      help: 'Write new URL("./tasks.js", import.meta.url).',
    })
  }
}
