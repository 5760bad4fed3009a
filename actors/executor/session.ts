import { limits } from '../../runtime/limits.js'
import type { LinkReceiver } from '../../runtime/transport/link.js'
import type { LinkEnd } from '../../runtime/transport/link-end.js'
import { receiveFrame } from '../messages/bytes.js'
import { sharedIds } from '../messages/conversation-trace.js'
import { dropStray } from '../messages/stray-envelope.js'
import type {
  AttemptKey,
  AttemptProgress,
  FunctionEntry,
  Hello,
  OutputPart,
  PartKey,
  ResultEntry,
  ResultStatus,
  RunEntry,
  ToExecutor,
  TraceText,
} from '../messages/task-entries.js'
import { BodyAssembly, jobsOf, type PayloadLink, TaskStream } from '../messages/task-stream.js'
import {
  INLINE_BYTES,
  readToExecutor,
  writeAttempts,
  writeEnding,
  writeHello,
  writeLog,
  writeOutput,
  writeProgress,
  writeResults,
  writeTraceText,
} from '../messages/tasks.js'
import type { Attempt } from './attempt.js'
import { answerTo, type ExecutorTrace } from './executor-trace.js'

/** What the session needs from the task threads. */
export interface TaskRunner {
  addFunctions(functions: Extract<ToExecutor, { kind: 'functions' }>['functions']): void
  setMaxResultBytes(maxResultBytes: number): void
  run(attempts: readonly Attempt[]): void
  cancel(attempt: Attempt): void
  recall(count: number): void
  pause(paused: boolean): void
  /** The attempt may send its next part. */
  outputTaken(attempt: Attempt): void
}

interface KeptResult extends ResultEntry {
  readonly body: Uint8Array
}

export interface SessionOptions {
  readonly hello: Hello
  readonly runner: TaskRunner
  /** Where a task module is on this machine. */
  readonly urlOf?: (url: string) => string
  /** What it remembers for traces; absent: nothing. */
  readonly trace?: ExecutorTrace | undefined
  /** The driver told this executor to exit. */
  readonly onExit: (reason: string) => void
  /** An exception that the driver did not cause. */
  readonly onDefect: (error: unknown) => void
}

export interface SessionLink extends PayloadLink {
  readonly peer?: { readonly incarnation: string }
  setReceiver(receiver: LinkReceiver): void
  close(reason?: string): void
}

/**
 * The executor's side of the conversation with its driver, over one link after another. A broken link loses
 * nothing: results are kept, and sent again on each new link, until the driver has acknowledged them.
 */
export class ExecutorSession {
  readonly #options: SessionOptions
  readonly #attempts = new Map<number, Attempt>()
  /** Results that the driver has not acknowledged, by task. */
  readonly #kept = new Map<number, KeptResult>()
  /** The newest progress of tasks that has not left yet. */
  readonly #progress = new Map<number, AttemptProgress>()
  /** The part of each attempt that the driver has not taken, by task. */
  readonly #parts = new Map<number, OutputPart>()
  readonly #inputs = new BodyAssembly(() => this.#maxInputBytes)
  readonly #functions = new Set<number>()
  #maxInputBytes: number = limits.maxInputBytes
  #stream: TaskStream | undefined
  #welcomed = false
  #fresh: KeptResult[] = []
  #ending: { readonly reason: string; readonly hasWorked: boolean } | undefined

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /** Takes a new link to the driver. The former one is no longer read. */
  link(link: SessionLink): void {
    const stream = new TaskStream(link)
    this.#stream = stream
    this.#welcomed = false
    this.#inputs.clear()
    const isCurrent = (): boolean => this.#stream === stream
    link.setReceiver({
      envelope: dropStray,
      payload: (frame) => {
        if (isCurrent()) receiveFrame(() => this.#receive(readToExecutor(frame)), this.#options.onDefect)
      },
      drain: () => {
        if (!isCurrent()) return
        stream.drained()
        this.#pressure()
        this.#sendProgress()
      },
      closed: ({ detail }: LinkEnd) => {
        if (!isCurrent()) return
        this.#conversation?.happened('LinkDown', { detail })
        this.#stream = undefined
        this.#welcomed = false
        this.#options.runner.pause(false)
      },
    })
    const origin = this.#options.trace?.linked(link.peer?.incarnation)
    writeHello({ ...this.#options.hello, origin }, stream.emit)
  }

  get #conversation() {
    return this.#options.trace?.conversation
  }

  result(attempt: Attempt, status: ResultStatus, body: Uint8Array): void {
    const { taskId, n } = attempt
    // The driver may have given the task to this executor again meanwhile.
    if (this.#attempts.get(taskId) === attempt) this.#attempts.delete(taskId)
    this.#progress.delete(taskId)
    this.#parts.delete(taskId)
    const result: KeptResult = { taskId, n, status, body }
    this.#kept.set(taskId, result)
    if (!this.#welcomed) return
    // They leave in the next microtask, so that results that are read together leave together.
    if (this.#fresh.length === 0) queueMicrotask(() => this.#sendFresh())
    this.#fresh.push(result)
  }

  started(attempts: readonly AttemptKey[]): void {
    if (this.#welcomed && this.#stream) writeAttempts('started', attempts, this.#stream.emit)
  }

  returned(attempts: readonly AttemptKey[]): void {
    for (const { taskId } of attempts) {
      this.#attempts.delete(taskId)
      this.#parts.delete(taskId)
    }
    const stream = this.#stream
    if (!this.#welcomed || stream === undefined) return
    this.#conversation?.toldTasks('TasksReturned', attempts.length)
    const send = (): void => writeAttempts('returned', attempts, stream.emit)
    // The `ending` must arrive first: otherwise the driver would give these attempts to this executor again.
    if (this.#ending === undefined) send()
    else stream.push(send)
  }

  /**
   * It leaves if the link takes it at once, and never in place of a result. The newest of each task is kept.
   */
  progress(progress: readonly AttemptProgress[]): void {
    for (const entry of progress) {
      if (this.#attempts.get(entry.taskId)?.n === entry.n) this.#progress.set(entry.taskId, entry)
    }
    this.#sendProgress()
  }

  #sendProgress(): void {
    const stream = this.#stream
    if (!this.#welcomed || stream === undefined || stream.isBlocked || this.#progress.size === 0) return
    const progress = [...this.#progress.values()]
    this.#progress.clear()
    writeProgress(progress, stream.emit)
  }

  /** A broken link loses no part: it is kept until the driver has taken it. */
  output(part: OutputPart): void {
    if (this.#attempts.get(part.taskId)?.n !== part.n) return
    this.#parts.set(part.taskId, part)
    if (this.#welcomed && this.#stream !== undefined) this.#sendPart(part, this.#stream)
  }

  #sendPart(part: OutputPart, stream: TaskStream): void {
    stream.push(() => {
      if (this.#parts.get(part.taskId) === part) writeOutput(part, stream.emit)
    })
    this.#pressure()
  }

  #partTaken({ taskId, n, sequence }: PartKey): void {
    const part = this.#parts.get(taskId)
    if (part?.n !== n || part.sequence !== sequence) return
    this.#parts.delete(taskId)
    const attempt = this.#attempts.get(taskId)
    if (attempt?.n === n) this.#options.runner.outputTaken(attempt)
  }

  log(text: string): void {
    if (this.#welcomed && this.#stream) writeLog('warn', text, this.#stream.emit)
  }

  /**
   * Tells the driver that this executor ends itself; it answers `exit`. Results from now on count when this
   * is gone.
   */
  ending(reason: string, hasWorked: boolean): void {
    this.#ending = { reason, hasWorked }
    if (this.#welcomed && this.#stream) this.#sendEnding(this.#stream)
  }

  #sendEnding(stream: TaskStream): void {
    const ending = this.#ending
    if (ending !== undefined) {
      this.#conversation?.told('ExecutorEnding', { reason: ending.reason }, sharedIds.ending)
      stream.push(() => writeEnding(ending.reason, ending.hasWorked, stream.emit))
    }
  }

  #addFunctions(functions: readonly FunctionEntry[]): void {
    const { runner, urlOf = (url) => url } = this.#options
    const fresh = functions.filter(({ functionId }) => !this.#functions.has(functionId))
    runner.addFunctions(fresh.map((entry) => ({ ...entry, url: urlOf(entry.url) })))
  }

  #receive(message: ToExecutor): void {
    const { runner, onExit, trace } = this.#options
    const conversation = trace?.conversation
    switch (message.kind) {
      case 'welcome':
        conversation?.heard('ExecutorWelcome', {}, sharedIds.welcome)
        this.#maxInputBytes = message.maxInputBytes
        runner.setMaxResultBytes(message.maxResultBytes)
        this.#welcome()
        return
      case 'functions':
        conversation?.heard('FunctionsTold', { names: message.functions.map(({ name }) => name) })
        this.#addFunctions(message.functions)
        for (const { functionId } of message.functions) this.#functions.add(functionId)
        return
      case 'run':
        conversation?.heardTasks('TasksGiven', message.tasks.length)
        this.#run(message.tasks)
        return
      case 'chunk':
        this.#inputs.add(message.chunk)
        return
      case 'cancel':
        conversation?.heardTasks('TasksCancelled', message.attempts.length)
        for (const key of message.attempts) this.#cancel(key)
        return
      case 'ack':
        for (const { taskId, n } of message.attempts) {
          if (this.#kept.get(taskId)?.n === n) this.#kept.delete(taskId)
        }
        return
      case 'taken':
        this.#partTaken(message.part)
        return
      case 'recall':
        conversation?.heardTasks('TasksRecalled', message.count)
        runner.recall(message.count)
        return
      case 'ask':
        this.#answer(message.question)
        return
      case 'refused':
        conversation?.heard('ExecutorRefused', { reason: message.reason }, sharedIds.refused)
        onExit(message.reason)
        return
      case 'exit':
        conversation?.heard('ExecutorExit', { reason: message.reason }, sharedIds.exit)
        onExit(message.reason)
    }
  }

  #answer({ number, text }: TraceText): void {
    const stream = this.#stream
    const answer = answerTo(text, this.#options.trace)
    stream?.push(() => writeTraceText('answer', { number, text: JSON.stringify(answer) }, stream.emit))
  }

  /** Tells the driver which attempts it holds, then sends every result that was not acknowledged. */
  #welcome(): void {
    const stream = this.#stream
    if (stream === undefined || this.#welcomed) return
    this.#welcomed = true
    this.#fresh = []
    writeAttempts('held', [...this.#attempts.values(), ...this.#kept.values()], stream.emit)
    // It goes before the results, and on each link, because the link before may have lost it.
    this.#sendEnding(stream)
    this.#send([...this.#kept.values()], stream)
    for (const part of this.#parts.values()) this.#sendPart(part, stream)
  }

  #run(tasks: readonly RunEntry[]): void {
    const attempts: Attempt[] = []
    for (const { taskId, n, functionId, timeoutMs, trace, input } of tasks) {
      const bytes = input ?? this.#inputs.take({ taskId, n })
      // The driver gave the attempt again, because its message crossed our list of held attempts.
      if (this.#attempts.get(taskId)?.n === n || this.#kept.get(taskId)?.n === n) continue
      const attempt: Attempt = {
        taskId,
        n,
        functionId,
        timeoutMs,
        trace,
        input: bytes,
        state: 'queued',
        reported: false,
      }
      this.#attempts.set(taskId, attempt)
      attempts.push(attempt)
    }
    this.#options.runner.run(attempts)
  }

  #cancel({ taskId, n }: AttemptKey): void {
    this.#inputs.discard(taskId)
    const attempt = this.#attempts.get(taskId)
    if (attempt?.n === n) this.#options.runner.cancel(attempt)
    // The result of an ended attempt is on its way and answers the cancellation.
    else if (this.#kept.get(taskId)?.n !== n) this.returned([{ taskId, n }])
  }

  #sendFresh(): void {
    const results = this.#fresh
    this.#fresh = []
    if (this.#stream !== undefined && this.#welcomed && results.length > 0) this.#send(results, this.#stream)
  }

  #send(results: readonly KeptResult[], stream: TaskStream): void {
    if (results.length > 0) this.#conversation?.toldTasks('TaskResults', results.length)
    const small = results.filter(({ body }) => body.byteLength <= INLINE_BYTES)
    for (const job of jobsOf(small, ({ body }) => body.byteLength)) {
      stream.push(() => writeResults(job, stream.emit))
    }
    for (const result of results) {
      if (result.body.byteLength <= INLINE_BYTES) continue
      const { taskId, n, status, body } = result
      const isWanted = (): boolean => this.#stream === stream && this.#kept.get(taskId) === result
      stream.sendBody(result, body, isWanted, () => {
        writeResults([{ taskId, n, status, body: undefined }], stream.emit)
      })
    }
    this.#pressure()
  }

  #pressure(): void {
    this.#options.runner.pause(this.#stream?.isBlocked ?? false)
  }
}
