import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { fromBytes, toBytes } from '../messages/cloneable.js'
import { CallSite } from './call-site.js'
import type { TaskOutcome } from './dispatch-types.js'
import { errorOf } from './outcome-error.js'
import { callSettings, type TaskOptions, taskOptions } from './task-options.js'
import type { FunctionRef, TaskPool } from './task-pool-types.js'
import { traceCall } from './task-trace.js'

// biome-ignore lint/suspicious/noExplicitAny: the one type that every function's parameters are assignable to
type AnyFunction = (...args: any[]) => unknown

/** A function of a task module as its driver calls it: the same arguments, a promise of the result. */
export type TaskFunction<F extends AnyFunction = AnyFunction> = (
  ...args: Parameters<F>
) => Promise<Awaited<ReturnType<F>>>

/** All functions of a task module. */
export type TaskFunctions<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K : never]: M[K] extends AnyFunction
    ? TaskFunction<M[K]>
    : never
}

/** A function of a task module, with the options of the `tasks()` that it came from. */
export interface TaskTarget {
  readonly ref: FunctionRef
  readonly options: TaskOptions
}

const targets = new WeakMap<object, TaskTarget>()
/**
 * Engines and promises read these names on any object, so a task with such a name would be called by
 * accident.
 */
const NOT_TASKS: ReadonlySet<string> = new Set(['then', 'toJSON', 'constructor', 'prototype'])

/** Typed functions of the module at `url`. Nothing is loaded here: a missing export fails at its call. */
export function tasksOf<M>(pool: TaskPool, url: URL | string, given?: TaskOptions): TaskFunctions<M> {
  const href = hrefOf(url)
  const options = taskOptions(given)
  const known = new Map<string, TaskFunction>()
  return new Proxy(Object.create(null) as TaskFunctions<M>, {
    get(_target, name) {
      if (typeof name !== 'string' || NOT_TASKS.has(name)) return undefined
      let found = known.get(name)
      if (found === undefined) {
        found = taskFunction(pool, { ref: { url: href, name }, options })
        known.set(name, found)
      }
      return found
    },
  })
}

/** Where a task function is. Throws USAGE where it is not one. */
export function targetOf(fn: unknown): TaskTarget {
  const target = typeof fn === 'function' ? targets.get(fn) : undefined
  if (target !== undefined) return target
  throw new FiresteelError(
    'USAGE',
    'A task function must come from tasks(url); it cannot be a function of this program.',
  )
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

/** The value of a result. Throws INTERNAL if the bytes cannot be decoded. */
export function resultValue(body: Uint8Array, { name }: FunctionRef): unknown {
  try {
    return fromBytes(body)
  } catch (cause) {
    throw new FiresteelError('INTERNAL', `The result of ${name} cannot be read: ${reasonOf(cause)}`, {
      cause,
    })
  }
}

function taskFunction(pool: TaskPool, target: TaskTarget): TaskFunction {
  const { ref, options } = target
  const { retries, backoff, retryIf, timeoutMs } = callSettings(options)
  const call = async (...args: unknown[]): Promise<unknown> => {
    let value: unknown
    const failure = await new Promise<TaskOutcome | undefined>((resolve, reject) => {
      pool.submit({
        fn: ref,
        input: inputBytes(pool, ref, args),
        retries,
        backoff,
        retryIf,
        timeoutMs,
        group: 0,
        trace: traceCall(ref),
        given: undefined,
        onEnd: (outcome) => {
          if (outcome.end.kind !== 'value') return resolve(outcome)
          try {
            value = resultValue(outcome.end.body, ref)
            resolve(undefined)
          } catch (error) {
            reject(error)
          }
        },
      })
    })
    if (failure === undefined) return value
    // V8 adds those who await this call to a stack that is taken here, so that a call costs nothing for it.
    throw errorOf(failure, ref.name, { site: new CallSite(call) })
  }
  Object.defineProperty(call, 'name', { value: ref.name })
  targets.set(call, target)
  return call
}

function hrefOf(url: URL | string): string {
  try {
    return new URL(url).href
  } catch {
    throw new FiresteelError('USAGE', `${String(url)} is not the URL of a task module.`, {
      help: 'Write new URL("./tasks.js", import.meta.url).',
    })
  }
}
