import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import { ByteReader, ByteWriter } from '../messages/bytes.js'
import type { AttemptKey, FunctionEntry, OutputPart } from '../messages/task-entries.js'
import { readTrace, traceBytes, writeTrace } from '../messages/trace-bytes.js'
import type { PositionProgress } from './progress-throttle.js'
import type { ExecutorInfo } from './task.js'

/* What an executor's main thread and its task threads post to each other, beside the memory they share. */

export interface ThreadData {
  readonly memory: SharedArrayBuffer
  readonly executor: ExecutorInfo
  readonly functions: readonly FunctionEntry[]
  readonly maxResultBytes: number
  /** The most tasks that are under way in the thread at a time. */
  readonly tasksAtOnce: number
}

export type ToThread =
  | { readonly kind: 'functions'; readonly functions: readonly FunctionEntry[] }
  /** Packed tasks; see `packTasks`. */
  | { readonly kind: 'run'; readonly tasks: Uint8Array }
  | { readonly kind: 'abort'; readonly position: number; readonly reason: 'cancelled' | 'timeout' }
  /** The task may send its next part. */
  | { readonly kind: 'taken'; readonly position: number }
  | { readonly kind: 'limits'; readonly maxResultBytes: number }
  /** It is about to be ended: the spans of its tasks are to leave. It answers `flushed`. */
  | { readonly kind: 'flush' }

/** An `OutputPart` of the task at a position. */
export interface PositionPart extends Omit<OutputPart, keyof AttemptKey> {
  readonly position: number
}

export type FromThread =
  /** The ring has new records. */
  | { readonly kind: 'notice' }
  /** Once: a task here has a span, so an SDK may hold some that have not left. */
  | { readonly kind: 'traced' }
  | { readonly kind: 'flushed' }
  | { readonly kind: 'output'; readonly part: PositionPart }
  | { readonly kind: 'progress'; readonly progress: readonly PositionProgress[] }
  /** Tasks in the thread fail with one error object: it remembers a failure. */
  | { readonly kind: 'remembers'; readonly error: Uint8Array }
  /**
   * The thread ends, by `process.exit` or by an exception outside every task's promise. `position` is the
   * task whose code did it, also if that task has ended; undefined: it was no task's code.
   */
  | {
      readonly kind: 'fault'
      readonly error: Uint8Array | undefined
      readonly position: number | undefined
      readonly loading: readonly UnloadedTask[]
    }

/** A task that has not begun, because its module was loading when the thread ended. */
export interface UnloadedTask {
  readonly position: number
  /** It is the module that ended the thread, as far as anybody knows. Undefined: it is not. */
  readonly error: Uint8Array | undefined
}

/** The body of a record that is in the ring without it. */
export interface LargeBody {
  readonly position: number
  readonly body: Uint8Array
}

export interface PackedTask extends AttemptKey {
  readonly position: number
  readonly functionId: number
  readonly trace?: TraceContext | undefined
  readonly input: Uint8Array
}

const TASK_BYTES = 8 + 8 + 4 + 4 + 1 + 4

/** Copies many tasks into one buffer, because cloning a view would clone the whole frame that holds it. */
export function packTasks(tasks: readonly PackedTask[]): Uint8Array<ArrayBuffer> {
  let size = 4
  for (const { input, trace } of tasks) size += TASK_BYTES + traceBytes(trace) + input.byteLength
  const writer = new ByteWriter(size, true).u32(tasks.length)
  for (const { position, taskId, n, functionId, trace, input } of tasks) {
    writer.safeInteger(position).safeInteger(taskId).u32(n).u32(functionId)
    writer.u8(trace === undefined ? 0 : 1)
    if (trace !== undefined) writeTrace(writer, trace)
    writer.text(input)
  }
  return writer.bytes as Uint8Array<ArrayBuffer>
}

export const packedCount = (bytes: Uint8Array): number => new ByteReader(bytes).u32()

export function* unpackTasks(bytes: Uint8Array): Generator<PackedTask> {
  const reader = new ByteReader(bytes)
  for (let left = reader.u32(); left > 0; left--) {
    const position = reader.safeInteger()
    const taskId = reader.safeInteger()
    const n = reader.u32()
    const functionId = reader.u32()
    const trace = reader.flag() ? readTrace(reader) : undefined
    yield { position, taskId, n, functionId, trace, input: reader.bytes(reader.u32()) }
  }
}
