import { parentPort, workerData } from 'node:worker_threads'
import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { listFromBytes, toBytes } from '../messages/cloneable.js'
import { encodeError } from '../messages/task-error.js'
import { type FunctionEntry, INLINE_BYTES, type ResultStatus } from '../messages/tasks.js'
import { RunningTask } from './running-task.js'
import { SharedRing } from './shared-ring.js'
import { taskContexts } from './task.js'
import { installConsole } from './task-console.js'
import { loadTaskFunction, type TaskFunction } from './task-module.js'
import {
  type FromThread,
  type LargeBody,
  type PackedTask,
  type ThreadData,
  type ToThread,
  unpackTasks,
} from './thread-messages.js'

/* The entry of a task thread: one task at a time, in the order posted. */

/** The main thread is woken for results at least this often while one batch runs. */
const NOTICE_MS = 1
/** Long batches let the thread's own timers and sockets have a turn. */
const TURN_MS = 5

const port = parentPort
if (port === null) throw new FiresteelError('INTERNAL', 'The task thread has no parent.')
const { memory, bodies, executor, ...initial } = workerData as ThreadData
const ring = new SharedRing(memory)
const entries = new Map<number, FunctionEntry>(initial.functions.map((entry) => [entry.functionId, entry]))
const loaded = new Map<number, TaskFunction>()
const batches: Uint8Array[] = []
let maxResultBytes = initial.maxResultBytes
let current: RunningTask | undefined
let busy = false
let noticeDue: NodeJS.Immediate | undefined
let noticedAtMs = 0

const post = (message: FromThread): void => port.postMessage(message)

installConsole()
process.on('uncaughtException', (error) => {
  post({ kind: 'fault', error: encodeError(error) })
  process.exit(1)
})

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'functions':
      for (const entry of message.functions) entries.set(entry.functionId, entry)
      return
    case 'run':
      batches.push(message.tasks)
      if (!busy) void work()
      return
    case 'abort':
      if (current?.position === message.position) current.abort(message.reason)
      return
    case 'limits':
      maxResultBytes = message.maxResultBytes
  }
})

async function work(): Promise<void> {
  busy = true
  let turnAtMs = performance.now()
  for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
    for (const task of unpackTasks(batch)) {
      if (!ring.claim(task.position)) continue
      const pending = run(task)
      if (pending !== undefined) await pending
      const nowMs = performance.now()
      if (nowMs - noticedAtMs > NOTICE_MS) notice(nowMs)
      if (nowMs - turnAtMs > TURN_MS) {
        await new Promise(setImmediate)
        turnAtMs = performance.now()
      }
    }
  }
  busy = false
  notice(performance.now())
}

/** Undefined where the task has ended already: a promise would cost more than many a task. */
function run(task: PackedTask): Promise<void> | undefined {
  const call = loaded.get(task.functionId)
  if (call === undefined) return runFirst(task)
  try {
    const running = new RunningTask(task.position, task.taskId, task.n, executor)
    current = running
    const args = listFromBytes(task.input)
    const value = taskContexts.run(running, apply, call, args)
    if (isThenable(value)) return settle(task, value)
    succeed(task, value)
  } catch (error) {
    fail(task, error)
  }
  return undefined
}

const apply = (call: TaskFunction, args: unknown[]): unknown => call(...args)

async function runFirst(task: PackedTask): Promise<void> {
  const entry = entries.get(task.functionId)
  try {
    if (entry === undefined) throw new FiresteelError('INTERNAL', 'A task came before its function.')
    loaded.set(task.functionId, await loadTaskFunction(entry.url, entry.name, executor.host))
  } catch (error) {
    end(task, 'permanent', encodeError(error))
    return
  }
  await run(task)
}

async function settle(task: PackedTask, pending: PromiseLike<unknown>): Promise<void> {
  // Results of those before it must not wait for a task that waits itself.
  noticeDue ??= setImmediate(() => notice(performance.now()))
  try {
    succeed(task, await pending)
  } catch (error) {
    fail(task, error)
  }
}

function succeed(task: PackedTask, value: unknown): void {
  const name = entries.get(task.functionId)?.name ?? 'a task'
  let body: Uint8Array
  try {
    body = toBytes(value, {
      root: 'result',
      notCloneable: 'RESULT_NOT_CLONEABLE',
      tooLarge: 'RESULT_TOO_LARGE',
      maxBytes: maxResultBytes,
      task: name,
    })
  } catch (error) {
    end(task, 'permanent', encodeError(error))
    return
  }
  end(task, 'value', body)
}

/** Errors that would be the same elsewhere or at the next try. */
const permanent = ['FOLDER_MISSING', 'RESULT_TOO_LARGE', 'NOT_IN_TASK'] as const

function fail(task: PackedTask, error: unknown): void {
  const lasting = permanent.some((code) => isFiresteelError(error, code))
  end(task, lasting ? 'permanent' : 'failure', encodeError(error))
}

function end(task: PackedTask, status: ResultStatus, body: Uint8Array): void {
  current = undefined
  if (body.byteLength <= INLINE_BYTES) {
    ring.write(task.position, status, body)
    return
  }
  // Its memory is its own when V8 made it; a small error record may sit in Node's pool, and is copied.
  const whole = body.byteLength === body.buffer.byteLength && body.buffer instanceof ArrayBuffer
  const transfer = whole ? [body.buffer as ArrayBuffer] : []
  // Before its record: a message is in the reader's queue when this returns, so who sees the record finds the body.
  bodies.postMessage({ position: task.position, body } satisfies LargeBody, transfer)
  ring.write(task.position, status, undefined)
}

function notice(nowMs: number): void {
  noticedAtMs = nowMs
  if (noticeDue !== undefined) clearImmediate(noticeDue)
  noticeDue = undefined
  if (ring.needsNotice()) post({ kind: 'notice' })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}
