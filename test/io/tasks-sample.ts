/* Task functions that the tests run on real executors. */
import { execFile, execSync, spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile as readAsync } from 'node:fs/promises'
import { promisify } from 'node:util'
import { threadId, Worker } from 'node:worker_threads'
import { context, NoRetry } from '../../actors/executor/task.js'
import { contentOf, digestOf, messageOf, type Sized } from './sized-content.js'

export const echo = (value: unknown): unknown => value
export const square = (value: number): number => value * value
export const slowSquare = async (value: number): Promise<number> => {
  await new Promise((resolve) => setTimeout(resolve, 3))
  return value * value
}
export const notAFunction = 42

export function fails(message: string): never {
  const inner = Object.assign(new RangeError('inner'), { code: 'E_INNER' })
  throw Object.assign(new TypeError(message, { cause: inner }), { code: 'E_OUTER' })
}

export function failsForGood(how: 'itself' | 'cause'): never {
  const error = Object.assign(new NoRetry('no such page'), { status: 404 })
  throw how === 'itself' ? error : new Error('the page could not be read', { cause: error })
}

/** Says how far it is all the time, and waits in between, or keeps its thread to itself. */
export async function reports(how: 'waits' | 'spins'): Promise<string> {
  const steps = 40
  for (let step = 1; step <= steps; step++) {
    context().progress(step / steps, `step ${step}`)
    const until = performance.now() + 10
    if (how === 'waits') await new Promise((resolve) => setTimeout(resolve, 10))
    else while (performance.now() < until);
  }
  return how
}

export function failsTogether(): never {
  throw new AggregateError([new Error('one'), new RangeError('two')], 'both')
}

export const attempt = (): number => context().attempt

export function failsUntil(attempts: number): string {
  const { attempt, executor } = context()
  if (attempt < attempts) throw new Error(`attempt ${attempt}`)
  return `${executor.id} ${attempt}`
}

/** Leaves a file, then never gives its thread back. */
export function spins(file: string): never {
  writeFileSync(file, '')
  for (;;);
}

/** Leaves a file, then looks for a match in more ways than it can ever try. */
export function matches(file: string): boolean {
  writeFileSync(file, '')
  return /^(a+)+$/.test(`${'a'.repeat(40)}b`)
}

/** Leaves a file, then waits for a change of memory that nobody makes. */
export function waitsForMemory(file: string): void {
  writeFileSync(file, '')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

export const untilAborted = (): Promise<string> =>
  new Promise((resolve) => {
    const { signal } = context()
    signal.addEventListener('abort', () => resolve('aborted'))
  })

export function poison(value: number): number {
  if (value === 13) process.kill(process.pid, 'SIGKILL')
  return value
}

export const exits = (): void => process.exit(3)

export const throwsOutside = async (): Promise<void> => {
  setTimeout(() => {
    throw new Error('outside')
  }, 1)
  await new Promise((resolve) => setTimeout(resolve, 60_000))
}

export const headersOf = (value: string): unknown => ({ page: { headers: new Headers({ a: value }) } })

export function failsWithStatus(status: number): never {
  const fields = { status, retryable: false, url: new URL('http://a/b'), response: new Response('x') }
  throw Object.assign(new Error('no page'), fields)
}

/** A value of so many levels. */
export function nested(kind: 'object' | 'array' | 'map', levels: number): unknown {
  let value: unknown = {}
  for (let level = 1; level < levels; level++)
    value = kind === 'object' ? { a: value } : kind === 'array' ? [value] : new Map([[1, value]])
  return value
}
export function failsDeep(levels: number): never {
  throw Object.assign(new Error('deep'), { status: 4, deep: nested('object', levels) })
}

/** Never gives its thread back: not even the end of the thread interrupts it. */
export const blocksIn = (command: string): string => execSync(command).toString()
export function reads(path: string, begun?: string): string {
  if (begun !== undefined) writeFileSync(begun, '')
  return readFileSync(path, 'utf8')
}

/** Waits for a command and ignores its signal. Its thread goes on meanwhile. */
export async function waitsForCommand(command: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', command])
  return stdout
}

/** Starts a command, and never gives its thread back after that. */
export function startsAndSpins(command: string): never {
  spawn('sh', ['-c', command], { stdio: 'ignore' })
  for (;;);
}

/** As libraries do that keep a pool of threads. */
const inWorker = (command: string, then = ''): Worker =>
  new Worker(
    `require('node:child_process').spawn('sh', ['-c', ${JSON.stringify(command)}], { stdio: 'ignore' })${then}`,
    {
      eval: true,
    },
  )

/** A Worker of its own starts a command, and waits for it. */
export function waitsForWorker(command: string): Promise<never> {
  inWorker(command)
  return deaf()
}

/** Ends its thread while the command of its Worker runs. */
export async function exitsBesideWorker(command: string, file: string): Promise<void> {
  inWorker(command)
  const { attempt } = context()
  while (!existsSync(file) || readFileSync(file, 'utf8').split('\n').length <= attempt)
    await new Promise((resolve) => setTimeout(resolve, 5))
  process.exit(3)
}

/** Its Worker has ended, and the command of that goes on. It ends when the file `until` is there. */
export async function outlivesWorker(command: string, file: string, until: string): Promise<void> {
  const worker = inWorker(command)
  while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 5))
  await worker.terminate()
  writeFileSync(`${file}.ended`, '')
  while (!existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** So it is here too, but its Worker has ended itself, and it never gives its thread back meanwhile. */
export function outlivesWorkerDeaf(command: string, until: string): void {
  inWorker(command, '.unref()')
  while (!existsSync(until)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
}

/** Starts a command that is to outlive the task and its thread. */
export async function startsDetached(command: string): Promise<never> {
  spawn('sh', ['-c', command], { stdio: 'ignore', detached: true }).unref()
  return deaf()
}

/** Ends its thread while its command runs. */
export async function exitsBeside(command: string, file: string): Promise<void> {
  await startsAndNotes(command, file)
  process.exit(3)
}

/** The command notes its pid in the file. */
async function startsAndNotes(command: string, file: string): Promise<void> {
  const { pid } = spawn('sh', ['-c', command], { stdio: 'ignore' })
  while (!existsSync(file) || !readFileSync(file, 'utf8').includes(`${pid}\n`))
    await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Ends well while its command runs. */
export async function leavesBehind(command: string, file: string): Promise<number> {
  await startsAndNotes(command, file)
  return threadId
}

/** Ends well. Code that it leaves behind notes that it runs, and then keeps the thread to itself. */
export async function leavesBusy(how: 'spins' | 'microtasks' | 'blocks', file: string): Promise<string> {
  setTimeout(() => {
    writeFileSync(file, '')
    if (how === 'blocks') execSync('exec sleep 600')
    if (how === 'spins') for (;;);
    void (async () => {
      for (;;) await null
    })()
  }, 1)
  return 'returned'
}

export const thread = (): number => threadId

/** Fails with what throws an exception itself when somebody asks what it is. */
export async function failsOddly(how: 'revoked' | 'trapped'): Promise<never> {
  const trap = (): never => {
    throw new TypeError('do not look')
  }
  const { proxy, revoke } = Proxy.revocable(new Error('odd'), { get: trap, has: trap, getPrototypeOf: trap })
  if (how === 'revoked') revoke()
  throw proxy
}

/** Fails outside its promise, and needs no timer for it. */
export function failsBeside(): Promise<never> {
  void Promise.reject(new Error('outside'))
  return new Promise(() => {})
}

/** Replaces what tests with a clock of their own replace, and never puts it back. */
export async function fakesTimers(): Promise<number> {
  const stands = (): number => 0
  const names = [
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
    'setImmediate',
    'clearImmediate',
  ]
  for (const name of [...names, 'queueMicrotask']) Reflect.set(globalThis, name, stands)
  performance.now = stands
  const { now } = performance
  Reflect.set(globalThis, 'performance', { now, timeOrigin: 0 })
  Reflect.set(
    globalThis,
    'Date',
    class extends Date {
      static override now = stands
      override toISOString = (): string => 'never'
    },
  )
  process.nextTick = stands
  process.hrtime = Object.assign(() => [0, 0] as [number, number], { bigint: () => 0n })
  process.exit = stands as unknown as typeof process.exit
  return threadId
}

/** Ends a while after it was told to, and leaves a + at its beginning and a - at its end. */
export async function endsLate(file: string): Promise<void> {
  appendFileSync(file, '+')
  const { signal } = context()
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
  await new Promise((resolve) => setTimeout(resolve, 100))
  appendFileSync(file, '-')
}

export async function waitsFor(file: string): Promise<number> {
  while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 5))
  return process.pid
}

/** Ignores its signal. */
export const lasts = (ms: number): Promise<number> =>
  new Promise((resolve) => setTimeout(() => resolve(ms), ms))

export const bytes = (sized: Sized): Uint8Array => contentOf(sized)
/** What was given, in few characters. */
export const digest = (value: Uint8Array): string => digestOf(value)
export const functions = (): unknown => ({ items: [1, 2, 3, { fn: () => undefined }] })

export const where = (): unknown => {
  const { attempt, taskId, executor, signal } = context()
  return { attempt, taskId, executor, aborted: signal.aborted }
}

export function prints(text: string): void {
  console.log(text)
}

export const pid = (): number => process.pid

export const bytesLater = async (sized: Sized): Promise<Uint8Array> => {
  await new Promise((resolve) => setTimeout(resolve, 1))
  return bytes(sized)
}

/** An error whose record is at least so long. */
export function failsWith(sized: Sized): never {
  throw new Error(messageOf(sized))
}

/** Waits until so many of its calls have once been under way in this thread, and a while more. */
let togetherNow = 0
let togetherMost = 0
export async function together(count: number): Promise<{ most: number; thread: number }> {
  togetherMost = Math.max(togetherMost, ++togetherNow)
  while (togetherMost < count) await new Promise((resolve) => setTimeout(resolve, 2))
  await new Promise((resolve) => setTimeout(resolve, 20))
  const most = togetherNow--
  return { most, thread: threadId }
}

/** What it sees of itself before and after it has waited. */
export async function ownContext(value: number): Promise<unknown> {
  const { taskId, attempt } = context()
  const seen: unknown[] = []
  const look = (): void => {
    seen.push([context().taskId, context().attempt])
  }
  await new Promise((resolve) => setTimeout(resolve, value % 7))
  look()
  await Promise.resolve().then(look)
  await readAsync('/dev/null').then(look)
  console.log(`value ${value}`)
  return { value, own: [taskId, attempt], seen }
}

/** An exception that no promise of it takes, a while after it has begun. */
export async function throwsSoon(file: string): Promise<void> {
  appendFileSync(file, 'x')
  setTimeout(() => {
    throw new Error('outside')
  }, 30)
  await new Promise((resolve) => setTimeout(resolve, 60_000))
}

/** A rejection that nobody handles, a while after it has begun. */
export async function rejectsSoon(file: string): Promise<void> {
  appendFileSync(file, 'x')
  await new Promise((resolve) => setTimeout(resolve, 30))
  void Promise.reject(new Error('outside'))
  await new Promise((resolve) => setTimeout(resolve, 60_000))
}

/** Notes each of its runs in a file. */
export async function noted(file: string, ms: number): Promise<number> {
  appendFileSync(file, '+')
  await new Promise((resolve) => setTimeout(resolve, ms))
  appendFileSync(file, '-')
  return threadId
}

/** Ignores its signal for ever, and does not block its thread. */
export const deaf = (): Promise<never> =>
  new Promise(() => {
    setInterval(() => undefined, 1000)
  })

export async function exitsSoon(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
  process.exit(3)
}
