import type { TraceContext } from '../../runtime/telemetry/trace-context.js'

/*
 * What a driver and its executors tell each other. tasks.ts writes and reads the frames.
 */

/** One attempt of a task at one executor. */
export interface AttemptKey {
  readonly taskId: number
  readonly n: number
}

/** An export of a module. An executor is told of it once; afterwards its number names it. */
export interface FunctionEntry {
  readonly functionId: number
  /** URL of the module. */
  readonly url: string
  readonly name: string
}

export interface RunEntry extends AttemptKey {
  readonly functionId: number
  /** Milliseconds; 0: no timeout. */
  readonly timeoutMs: number
  /** The span that it belongs to; undefined: nobody traces, or what came was malformed. */
  readonly trace?: TraceContext | undefined
  /** node:v8 bytes of the arguments; undefined: they were sent earlier in chunks. */
  readonly input: Uint8Array | undefined
}

/**
 * How an attempt ended. `permanent`: another try would not help. `unloaded`: it did not begin, because its
 * module could not be loaded there; another executor may be able to. `lost`: its thread ended, and it was not
 * the reason, as far as anybody knows; the body is the reason, as text.
 */
export const resultStatuses = [
  'value',
  'failure',
  'timeout',
  'permanent',
  'cancelled',
  'unloaded',
  'lost',
] as const
export type ResultStatus = (typeof resultStatuses)[number]

export interface ResultEntry extends AttemptKey {
  readonly status: ResultStatus
  /** node:v8 bytes of the value, or an error record; undefined: it was sent earlier in chunks. */
  readonly body: Uint8Array | undefined
}

/** How far an attempt is, as its task says. */
export interface AttemptProgress extends AttemptKey {
  /** From 0 to 1. */
  readonly fraction: number
  /** Empty: it gave none. */
  readonly text: string
}

/**
 * A part of what a running attempt puts out before its result. An attempt sends the next one when its reader
 * has taken this one, so a slow reader slows the task and no memory fills.
 */
export interface OutputPart extends AttemptKey {
  /** From 1 in each attempt. */
  readonly sequence: number
  /** Which output of its task: the task and its reader agree on what the number means. */
  readonly output: number
  readonly bytes: Uint8Array
}

export interface PartKey extends AttemptKey {
  readonly sequence: number
}

export interface Chunk extends AttemptKey {
  readonly totalBytes: number
  readonly bytes: Uint8Array
}

export interface Hello {
  readonly execId: number
  readonly workerId: string
  readonly host: string
  readonly cores: number
  readonly pid: number
  readonly resources: Readonly<Record<string, readonly string[]>>
  /** Where the conversation over this link stands in traces; absent: the executor keeps none. */
  readonly origin?: TraceOrigin | undefined
}

/** The id of a hello in traces, its trace, and the message that led to it. */
export interface TraceOrigin {
  readonly id: number
  readonly trace: number
  readonly parent?: number | undefined
}

/** Asks for what the other end remembers, or answers: JSON of the question or answer of a trace. */
export interface TraceText {
  /** Names the question. */
  readonly number: number
  readonly text: string
}

export type ToExecutor =
  | { readonly kind: 'welcome'; readonly maxInputBytes: number; readonly maxResultBytes: number }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'functions'; readonly functions: readonly FunctionEntry[] }
  | { readonly kind: 'run'; readonly tasks: readonly RunEntry[] }
  | { readonly kind: 'chunk'; readonly chunk: Chunk }
  | { readonly kind: 'cancel'; readonly attempts: readonly AttemptKey[] }
  | { readonly kind: 'ack'; readonly attempts: readonly AttemptKey[] }
  /** The attempt may send its next part. */
  | { readonly kind: 'taken'; readonly part: PartKey }
  /** Return up to `count` attempts that have not started. */
  | { readonly kind: 'recall'; readonly count: number }
  | { readonly kind: 'exit'; readonly reason: string }
  | { readonly kind: 'ask'; readonly question: TraceText }

export type FromExecutor =
  | { readonly kind: 'hello'; readonly hello: Hello }
  /** Follows Welcome: every attempt that this executor has queued, runs, or holds a result of. */
  | { readonly kind: 'held'; readonly last: boolean; readonly attempts: readonly AttemptKey[] }
  | { readonly kind: 'started'; readonly attempts: readonly AttemptKey[] }
  /** These attempts never started and never will: they were recalled, or cancelled in time. */
  | { readonly kind: 'returned'; readonly attempts: readonly AttemptKey[] }
  | { readonly kind: 'results'; readonly results: readonly ResultEntry[] }
  | { readonly kind: 'chunk'; readonly chunk: Chunk }
  /** The newest of each; some may be left out. */
  | { readonly kind: 'progress'; readonly progress: readonly AttemptProgress[] }
  | { readonly kind: 'output'; readonly part: OutputPart }
  | { readonly kind: 'log'; readonly level: 'warn' | 'error'; readonly text: string }
  /**
   * The executor ends itself within `lastWordsMs`. What it reports from now on counts only when it is gone.
   * `hasWorked` is false if its threads do not start, so that it counts as an executor that could not be
   * started.
   */
  | { readonly kind: 'ending'; readonly reason: string; readonly hasWorked: boolean }
  | { readonly kind: 'answer'; readonly answer: TraceText }
