import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { each } from '../../actors/tasks/each.js'
import { map } from '../../actors/tasks/map.js'
import type { CallOptions, TaskOptions, TaskProgress } from '../../actors/tasks/task-options.js'
import type { TaskPool } from '../../actors/tasks/task-pool-types.js'
import { tasksOf } from '../../actors/tasks/task-proxy.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { checkKnownOptions } from '../../runtime/known-options.js'
import { limits } from '../../runtime/limits.js'
import { startDriver } from '../tools/tasks-fixture.js'
import { inVirtualTime, type Seen, TASK_MS } from './virtual-tasks.js'

/*
 * Every option of every call, at each level that takes it, by its effect: an option that is merged and then
 * not used is as bad as one that is not merged. A level that does not take an option must refuse it.
 */

type Sample = typeof import('./tasks-sample.js')
type Tasks = { readonly [K in keyof Sample]: (input: unknown) => Promise<unknown> }
const url = new URL('./tasks-sample.js', import.meta.url)
const driver = await startDriver()
await driver.start({ cores: 2 })
after(() => driver[Symbol.asyncDispose]())
const { pool } = driver

interface Given {
  /** Options of `tasks()`. */
  readonly tasks?: CallOptions
  /** Options of the call itself. */
  readonly call?: CallOptions
}

/** One way of calling a task function: gives the errors of its tasks, or throws what ended the call. */
type Call = (
  name: keyof Sample,
  inputs: readonly unknown[],
  given: Given,
  at?: TaskPool,
) => Promise<unknown[]>
const kinds = { single, map: mapped, each: eached } as const satisfies Record<string, Call>
type Kind = keyof typeof kinds

const functions = (given: Given, at = pool): Tasks =>
  tasksOf<Sample>(at, url, given.tasks as TaskOptions) as unknown as Tasks

async function single(...[name, inputs, given, at]: Parameters<Call>): Promise<unknown[]> {
  const ends = await Promise.allSettled(inputs.map((input) => functions(given, at)[name](input)))
  return ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
}

async function mapped(...[name, inputs, given, at = pool]: Parameters<Call>): Promise<unknown[]> {
  try {
    for await (const _value of map(at, functions(given, at)[name], inputs, given.call));
    return []
  } catch (error) {
    if (isFiresteelError(error, 'USAGE') || !isFiresteelError(error)) throw error
    return [error]
  }
}

async function eached(...[name, inputs, given, at = pool]: Parameters<Call>): Promise<unknown[]> {
  const errors: unknown[] = []
  const results = each(at, functions(given, at)[name], inputs, given.call)
  for await (const result of results) if (result.error) errors.push(result.error)
  return errors
}

async function runs(call: Call, given: Given): Promise<number> {
  const before = pool.stats().executed
  const [error] = await call('fails', ['no'], given)
  assert.ok(isFiresteelError(error, 'TASK_FAILED'), String(error))
  return pool.stats().executed - before
}

/** The wait before the second attempt: the least and the most that jitter makes of it. */
async function waits(call: Call, given: Given): Promise<number[]> {
  const found: number[] = []
  for (const random of [0, 1]) {
    const fails = { status: 'failure', random } as const
    const { beginsMs } = await inVirtualTime(fails, (at) => call('fails', ['no'], given, at))
    found.push((beginsMs[1] ?? Number.NaN) - TASK_MS)
  }
  return found
}

async function timesOut(call: Call, ms: number, given: Given): Promise<boolean> {
  const retries = { retries: 0 }
  const [error] = await call('lasts', [ms], { ...given, tasks: { ...retries, ...given.tasks } })
  if (error !== undefined) assert.ok(isFiresteelError(error, 'TASK_TIMEOUT'), String(error))
  return error !== undefined
}

/** What eight tasks do on an executor that could run all of them. */
const eight = (call: Call, given: Given): Promise<Seen> =>
  inVirtualTime({ status: 'value' }, (at) => call('square', [1, 2, 3, 4, 5, 6, 7, 8], given, at))
const mostAtOnce = async (call: Call, given: Given): Promise<number> => (await eight(call, given)).most
const begins = async (call: Call, given: Given): Promise<readonly number[]> =>
  (await eight(call, given)).beginsMs

async function progressTold(call: Call, given: (tell: (progress: TaskProgress) => void) => Given) {
  const told: TaskProgress[] = []
  await call(
    'square',
    [1, 2],
    given((progress) => void told.push(progress)),
  )
  return told.at(-1)?.done
}

const signalOf = (): AbortSignal => AbortSignal.abort(new Error('enough'))
const endsEarly = async (call: Call, given: Given): Promise<boolean> =>
  call('square', [1], given).then(
    () => false,
    (error: Error) => error.message === 'enough',
  )

interface Levels {
  readonly byDefault: (call: Call) => Promise<void>
  /** Undefined: `tasks()` must refuse it. */
  readonly ofTasks: ((call: Call) => Promise<void>) | undefined
  readonly ofCall: (call: Call) => Promise<void>
  readonly ofCallOverTasks: ((call: Call) => Promise<void>) | undefined
}

const same = async (actual: Promise<unknown>, expected: unknown): Promise<void> =>
  assert.deepEqual(await actual, expected)

const table: Record<keyof CallOptions, Levels> = {
  retries: {
    byDefault: (call) => same(runs(call, {}), limits.taskAttempts),
    ofTasks: async (call) => {
      await same(runs(call, { tasks: { retries: 0 } }), 1)
      await same(runs(call, { tasks: { retries: 1 } }), 2)
    },
    ofCall: (call) => same(runs(call, { call: { retries: 2 } }), 3),
    ofCallOverTasks: async (call) => {
      await same(runs(call, { tasks: { retries: 3 }, call: { retries: 0 } }), 1)
      await same(runs(call, { tasks: { retries: 0 }, call: { retries: 1 } }), 2)
      // Undefined is as if it were not given: options that come from a spread do not undo those of `tasks()`.
      const undefinedOne = { retries: undefined } as unknown as CallOptions
      await same(runs(call, { tasks: { retries: 0 }, call: undefinedOne }), 1)
    },
  },
  backoff: {
    byDefault: (call) => same(waits(call, {}), [50, 100]),
    ofTasks: async (call) => {
      await same(waits(call, { tasks: { backoff: false } }), [0, 0])
      await same(waits(call, { tasks: { backoff: { first: '30ms', jitter: 0 } } }), [30, 30])
    },
    ofCall: (call) => same(waits(call, { call: { backoff: { first: 30, jitter: 0 } } }), [30, 30]),
    ofCallOverTasks: (call) => same(waits(call, { tasks: { backoff: '10s' }, call: { backoff: 0 } }), [0, 0]),
  },
  retryIf: {
    byDefault: (call) => same(runs(call, {}), limits.taskAttempts),
    ofTasks: (call) => same(runs(call, { tasks: { retryIf: () => false } }), 1),
    ofCall: (call) => same(runs(call, { call: { retryIf: () => false } }), 1),
    ofCallOverTasks: (call) =>
      same(
        runs(call, { tasks: { retryIf: () => false }, call: { retryIf: () => true } }),
        limits.taskAttempts,
      ),
  },
  timeout: {
    byDefault: (call) => same(timesOut(call, 100, {}), false),
    ofTasks: (call) => same(timesOut(call, 60_000, { tasks: { timeout: 20 } }), true),
    ofCall: (call) => same(timesOut(call, 60_000, { call: { timeout: '20ms' } }), true),
    ofCallOverTasks: async (call) => {
      await same(timesOut(call, 60_000, { tasks: { timeout: '10m' }, call: { timeout: 20 } }), true)
      await same(timesOut(call, 200, { tasks: { timeout: 20 }, call: { timeout: '10m' } }), false)
      await same(timesOut(call, 200, { tasks: { timeout: 20 }, call: { timeout: Infinity } }), false)
    },
  },
  concurrency: {
    byDefault: (call) => same(mostAtOnce(call, {}), 8),
    ofTasks: undefined,
    ofCall: (call) => same(mostAtOnce(call, { call: { concurrency: 2 } }), 2),
    ofCallOverTasks: undefined,
  },
  limit: {
    byDefault: (call) => same(begins(call, {}), [0, 0, 0, 0, 0, 0, 0, 0]),
    ofTasks: undefined,
    ofCall: async (call) => {
      const key = (n: number): number => n % 2
      await same(mostAtOnce(call, { call: { limit: { concurrency: 1 } } }), 1)
      await same(mostAtOnce(call, { call: { limit: { key, concurrency: 1 } } }), 2)
      const spaced = [0, 500, 1000, 1500, 2000, 2500, 3000, 3500]
      await same(begins(call, { call: { limit: { perSecond: 2 } } }), spaced)
      const ofTwoKeys = [0, 0, 500, 500, 1000, 1000, 1500, 1500]
      await same(begins(call, { call: { limit: { key, perSecond: 2 } } }), ofTwoKeys)
    },
    ofCallOverTasks: undefined,
  },
  onProgress: {
    byDefault: (call) => call('square', [1], {}).then(() => undefined),
    ofTasks: undefined,
    ofCall: (call) =>
      same(
        progressTold(call, (onProgress) => ({ call: { onProgress } })),
        2,
      ),
    ofCallOverTasks: undefined,
  },
  signal: {
    byDefault: (call) => same(endsEarly(call, {}), false),
    ofTasks: undefined,
    ofCall: (call) => same(endsEarly(call, { call: { signal: signalOf() } }), true),
    ofCallOverTasks: undefined,
  },
}

const examples: Required<CallOptions> = {
  retries: 1,
  backoff: { first: '1s' },
  retryIf: () => true,
  timeout: '1s',
  concurrency: 1,
  limit: { perSecond: 10 },
  onProgress: () => undefined,
  signal: new AbortController().signal,
}

for (const [option, levels] of Object.entries(table)) {
  const { byDefault, ofTasks, ofCall, ofCallOverTasks } = levels
  for (const kind of Object.keys(kinds) as Kind[]) {
    const call = kinds[kind]
    test(`${option} of ${kind}: by default, of tasks(), of the call, of the call over tasks()`, async () => {
      await byDefault(call)
      if (ofTasks === undefined) {
        const given = { tasks: { [option]: examples[option as keyof CallOptions] } }
        await assert.rejects(call('square', [1], given), {
          code: 'FIRESTEEL_USAGE',
          message: `tasks() has no option ${option}; map() and each() have it.`,
        })
      } else {
        await ofTasks(call)
      }
      // A single call has no options of its own: what follows its inputs would be an input.
      if (kind === 'single') return
      await ofCall(call)
      await ofCallOverTasks?.(call)
    })
  }
}

const wrong: readonly [CallOptions, RegExp][] = [
  [
    { retrie: 0 } as CallOptions,
    /has no option retrie; did you mean retries\? It has retries, backoff, retryIf, timeout/,
  ],
  [{ Timeout: 5 } as CallOptions, /has no option Timeout; did you mean timeout\?/],
  [{ xyzzy: 5 } as CallOptions, /has no option xyzzy; it has retries, backoff, retryIf, timeout/],
  [[] as CallOptions, /must be an object/],
  [null as unknown as CallOptions, /must be an object/],
  [5 as CallOptions, /must be an object/],
  [{ retries: -1 }, /retries is -1; it must be a whole number from 0/],
  [{ retries: '3' } as unknown as CallOptions, /retries is 3/],
  [{ retries: null } as unknown as CallOptions, /retries is null/],
  [{ backoff: null } as unknown as CallOptions, /backoff is null; it must be an object, a duration, true or/],
  [{ backoff: [] } as unknown as CallOptions, /backoff is ; it must be an object/],
  [{ backoff: 'soon' }, /backoff is "soon"/],
  [{ backoff: { frist: 1 } } as CallOptions, /backoff has no option frist; did you mean first\?/],
  [{ backoff: { first: 0 } }, /backoff\.first is 0; it must be a duration from 1ms; backoff: false means/],
  [
    { backoff: { first: '1s', most: 10 } },
    /backoff\.most is 10 ms; it must be no less than first, which is 1000/,
  ],
  [{ backoff: { most: 'x' } }, /backoff\.most is "x"/],
  [{ backoff: { factor: 0.5 } }, /backoff\.factor is 0\.5; it must be a number from 1 to 1000/],
  [{ backoff: { factor: Number.NaN } }, /backoff\.factor is NaN/],
  [{ backoff: { jitter: 1.5 } }, /backoff\.jitter is 1\.5; it must be a number from 0 to 1/],
  [{ retryIf: true } as unknown as CallOptions, /retryIf must be a function/],
  [{ timeout: 'soon' }, /timeout is "soon"/],
  [{ timeout: true } as unknown as CallOptions, /timeout is true/],
  [{ timeout: Number.NaN }, /timeout is NaN/],
]
const wrongOfCall: readonly [CallOptions, RegExp][] = [
  [{ concurrency: 0 }, /concurrency is 0/],
  [{ concurrency: 1.5 }, /concurrency is 1\.5/],
  [{ limit: 5 } as unknown as CallOptions, /The options of limit must be an object/],
  [{ limit: {} }, /limit has neither concurrency nor perSecond/],
  [{ limit: { key: () => 1 } }, /limit has neither concurrency nor perSecond/],
  [{ limit: { persecond: 1 } } as CallOptions, /limit has no option persecond; did you mean perSecond\?/],
  [{ limit: { key: 'host', concurrency: 1 } } as unknown as CallOptions, /limit\.key must be a function/],
  [{ limit: { concurrency: 0 } }, /limit\.concurrency is 0; it must be a whole number from 1/],
  [{ limit: { perSecond: 0 } }, /limit\.perSecond is 0; it must be a number above 0, such as 10 or 0\.5/],
  [{ limit: { perSecond: -1 } }, /limit\.perSecond is -1/],
  [{ limit: { perSecond: Number.NaN } }, /limit\.perSecond is NaN/],
  [{ limit: { perSecond: '1' } } as unknown as CallOptions, /limit\.perSecond is 1/],
  [{ onProgress: 'x' } as unknown as CallOptions, /onProgress must be a function/],
  [{ signal: {} } as unknown as CallOptions, /signal must be an AbortSignal/],
]

test('a wrong option is refused where it is given, before anything runs', () => {
  const { square } = functions({})
  const before = pool.stats().dispatched
  for (const [options, message] of wrong) {
    assert.throws(() => tasksOf(pool, url, options), { code: 'FIRESTEEL_USAGE', message })
  }
  for (const [options, message] of [...wrong, ...wrongOfCall]) {
    for (const run of [map, each]) {
      assert.throws(() => run(pool, square, [1], options), { code: 'FIRESTEEL_USAGE', message })
    }
  }
  assert.equal(pool.stats().dispatched, before)
})

class Settings {
  get retries(): number {
    return 0
  }
}
class Rootless extends (null as unknown as typeof Object) {
  static readonly made = Object.create(Rootless.prototype) as CallOptions
  get retries(): number {
    return 0
  }
}
/** None of them has an option of its own, and each seems to have one. */
const inheriting: readonly object[] = [
  Object.create({ retries: 0 }),
  new Settings(),
  Rootless.made,
  Object.create(Object.create(null, { retries: { value: 0, enumerable: true } })),
  new Map([['retries', 0]]),
]

test('options that inherit are refused at every level of every call: what is inherited would not count', () => {
  const { square } = functions({})
  const message = (what: string): string =>
    `The options of ${what} must be a plain object. These inherit from a class or from another object, and inherited options do not count.`
  for (const options of inheriting) {
    const refusal = (what: string) => ({ code: 'FIRESTEEL_USAGE', message: message(what), place: what })
    assert.throws(() => tasksOf(pool, url, options), refusal('tasks()'))
    assert.throws(() => map(pool, square, [1], options), refusal('map()'))
    assert.throws(() => each(pool, square, [1], options), refusal('each()'))
    assert.throws(() => each(pool, square, [1], { limit: options }), refusal('limit'))
    assert.throws(() => each(pool, square, [1], { backoff: options }), refusal('backoff'))
  }
})

/** Each has the option itself. */
const own: Readonly<Record<string, CallOptions>> = {
  'without a prototype': Object.assign(Object.create(null), { retries: 0 }),
  'of another realm': runInNewContext('({ retries: 0 })'),
  'an accessor of its own': {
    get retries() {
      return 0
    },
  },
  'one that is not enumerable': Object.defineProperty({}, 'retries', { value: 0 }),
  'an instance with fields of its own': new (class {
    readonly retries = 0
  })(),
  'beside a helper that a library has hidden': Object.defineProperty({ retries: 0 }, 'get', {
    value: () => 1,
  }),
}

for (const [what, options] of Object.entries(own)) {
  test(`options are read: ${what}`, async () => {
    for (const call of Object.values(kinds)) await same(runs(call, { tasks: options }), 1)
    for (const call of [mapped, eached]) await same(runs(call, { call: options }), 1)
  })
}

test('where nothing can be given, the message says no more than that', () => {
  assert.throws(() => checkKnownOptions({ force: true }, { what: 'close()', names: [], help: 'x' }), {
    message: 'close() has no options; force was given.',
    place: 'force',
  })
})
