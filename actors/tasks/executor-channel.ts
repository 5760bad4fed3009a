import { limits } from '../../runtime/limits.js'
import type { TimerSource } from '../../runtime/timers.js'
import type { LinkReceiver } from '../../runtime/transport/link.js'
import type { LinkEnd } from '../../runtime/transport/link-end.js'
import { invalid, receiveFrame } from '../messages/bytes.js'
import { type ConversationTrace, sharedIds } from '../messages/conversation-trace.js'
import { dropStray } from '../messages/stray-envelope.js'
import type {
  AttemptKey,
  AttemptProgress,
  FromExecutor,
  FunctionEntry,
  Hello,
  OutputPart,
  PartKey,
  RunEntry,
} from '../messages/task-entries.js'
import { BodyAssembly, jobsOf, type PayloadLink, TaskStream } from '../messages/task-stream.js'
import {
  INLINE_BYTES,
  readFromExecutor,
  writeAttempts,
  writeFunctions,
  writeReason,
  writeRecall,
  writeRun,
  writeTaken,
  writeTraceText,
  writeWelcome,
} from '../messages/tasks.js'
import type { AttemptResult } from './dispatch-types.js'

/** What a channel needs of a link. Tests have links of their own. */
export interface ChannelLink extends PayloadLink {
  readonly peer?: { readonly incarnation: string }
  setReceiver(receiver: LinkReceiver): void
  close(reason?: string): void
  replace(reason: string): void
}

export interface ChannelEvents {
  hello(channel: ExecutorChannel, hello: Hello): void
  held(channel: ExecutorChannel, attempts: readonly AttemptKey[]): void
  started(channel: ExecutorChannel, attempts: readonly AttemptKey[]): void
  returned(channel: ExecutorChannel, attempts: readonly AttemptKey[]): void
  results(channel: ExecutorChannel, results: readonly AttemptResult[]): void
  progress(channel: ExecutorChannel, progress: readonly AttemptProgress[]): void
  output(channel: ExecutorChannel, part: OutputPart): void
  pressure(channel: ExecutorChannel): void
  /** The executor ends itself. */
  ending(channel: ExecutorChannel, reason: string, hasWorked: boolean): void
  log(channel: ExecutorChannel, text: string): void
  /** An exception that the executor did not cause. */
  defect(error: unknown): void
  /**
   * Also called if its frames could not be read: the link was cut then, and the next link repairs what was
   * lost.
   */
  closed(channel: ExecutorChannel, reason: string): void
}

export interface ChannelOptions {
  readonly link: ChannelLink
  readonly timers: TimerSource
  readonly maxInputBytes: number
  readonly maxResultBytes: number
  readonly events: ChannelEvents
  /** What traces show of the conversation; absent: nothing. */
  readonly traceOf?: TraceOf | undefined
}

export type TraceOf = (hello: Hello, peer: string | undefined) => ConversationTrace | undefined

export interface RunTask extends RunEntry {
  readonly input: Uint8Array
}

/** The driver's side of the conversation with one executor, over one link. */
export class ExecutorChannel {
  execId: number | undefined
  readonly #options: ChannelOptions
  readonly #stream: TaskStream
  readonly #bodies: BodyAssembly
  readonly #told = new Set<number>()
  readonly #held: AttemptKey[] = []
  #blocked = false
  /** True: its messages are ignored from now on. */
  #silenced = false
  #welcomed = false
  #cancelTimer: () => void
  #trace: ConversationTrace | undefined
  /** Tasks that were given, and results that came, over this link. */
  #given = 0
  #results = 0
  readonly #questions = new Map<number, (answer: string | undefined) => void>()
  #nextQuestion = 0

  constructor(options: ChannelOptions) {
    const { link, timers } = options
    this.#options = options
    this.#stream = new TaskStream(link)
    this.#bodies = new BodyAssembly(() => options.maxResultBytes)
    this.#cancelTimer = timers.after(limits.handshakeMs, () => link.close('no hello came'))
    link.setReceiver({
      envelope: dropStray,
      payload: (frame) => this.#payload(frame),
      drain: () => {
        this.#stream.drained()
        this.#tellPressure()
      },
      closed: (end: LinkEnd) => {
        this.#cancelTimer()
        this.#ended(end.detail)
        if (!this.#silenced) options.events.closed(this, end.detail)
        this.#silenced = true
      },
    })
  }

  get isBlocked(): boolean {
    return this.#blocked
  }

  welcome(): void {
    this.#welcomed = true
    this.#trace?.told('ExecutorWelcome', {}, sharedIds.welcome)
    const { maxInputBytes, maxResultBytes } = this.#options
    writeWelcome(maxInputBytes, maxResultBytes, this.#stream.emit)
  }

  /**
   * `functionOf` finds a function by its number. `isWanted` says whether a large input must still be sent.
   */
  run(
    tasks: readonly RunTask[],
    functionOf: (functionId: number) => FunctionEntry,
    isWanted: (key: AttemptKey) => boolean,
  ): void {
    this.#given += tasks.length
    this.#tellFunctions(tasks, functionOf)
    const small = tasks.filter(({ input }) => input.byteLength <= INLINE_BYTES)
    for (const job of jobsOf(small, ({ input }) => input.byteLength)) {
      this.#stream.push(() => writeRun(job, this.#stream.emit))
    }
    for (const task of tasks) {
      if (task.input.byteLength <= INLINE_BYTES) continue
      const wanted = (): boolean => !this.#silenced && isWanted(task)
      this.#stream.sendBody(task, task.input, wanted, () => {
        this.#stream.push(() => writeRun([{ ...task, input: undefined }], this.#stream.emit))
      })
    }
    this.#tellPressure()
  }

  /** Queued behind what was sent before, so that no cancellation overtakes its task. */
  cancel(attempts: readonly AttemptKey[]): void {
    this.#stream.push(() => writeAttempts('cancel', attempts, this.#stream.emit))
  }

  acknowledge(attempts: readonly AttemptKey[]): void {
    this.#stream.push(() => writeAttempts('ack', attempts, this.#stream.emit))
  }

  outputTaken(part: PartKey): void {
    this.#stream.push(() => writeTaken(part, this.#stream.emit))
  }

  recall(count: number): void {
    this.#stream.push(() => writeRecall(count, this.#stream.emit))
  }

  /** Tells it that it may end itself now. Its messages count until it is gone. */
  letGo(reason: string): void {
    this.#trace?.told('ExecutorExit', { reason }, sharedIds.exit)
    this.#stream.push(() => writeReason('exit', reason, this.#stream.emit))
  }

  /**
   * Tells it to exit and ignores its messages. It closes the link; otherwise this side does, after
   * `linkLingerMs`.
   */
  dismiss(reason: string): void {
    this.#silenced = true
    const { link, timers } = this.#options
    if (this.#welcomed) this.#trace?.told('ExecutorExit', { reason }, sharedIds.exit)
    else this.#trace?.told('ExecutorRefused', { reason }, sharedIds.refused)
    writeReason(this.#welcomed ? 'exit' : 'refused', reason, this.#stream.emit)
    this.#cancelTimer()
    this.#cancelTimer = timers.after(limits.linkLingerMs, () => link.close(reason))
  }

  /** Gives way to a newer link of the same executor. */
  replace(): void {
    this.#silenced = true
    this.#options.link.replace('a newer link of this executor')
  }

  /** What the executor remembers, as JSON. Undefined: it has not answered in time, or its link has ended. */
  askTrace(question: string): Promise<string | undefined> {
    const number = this.#nextQuestion++
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(limits.traceAskMs, () => answered(undefined))
      const answered = (answer: string | undefined): void => {
        cancel()
        this.#questions.delete(number)
        resolve(answer)
      }
      this.#questions.set(number, answered)
      this.#stream.push(() => writeTraceText('ask', { number, text: question }, this.#stream.emit))
    })
  }

  #ended(detail: string): void {
    for (const answered of [...this.#questions.values()]) answered(undefined)
    const counts = { given: this.#given, results: this.#results }
    this.#trace?.happened('ExecutorLinkDown', { detail, ...counts }, sharedIds.linkEnd)
  }

  #tellFunctions(tasks: readonly RunTask[], functionOf: (functionId: number) => FunctionEntry): void {
    const fresh: FunctionEntry[] = []
    for (const { functionId } of tasks) {
      if (this.#told.has(functionId)) continue
      this.#told.add(functionId)
      fresh.push(functionOf(functionId))
    }
    if (fresh.length > 0) this.#stream.push(() => writeFunctions(fresh, this.#stream.emit))
  }

  #payload(frame: Buffer): void {
    if (this.#silenced) return
    receiveFrame(
      () => this.#receive(readFromExecutor(frame)),
      (error) => this.#options.events.defect(error),
    )
  }

  #receive(message: FromExecutor): void {
    const { events } = this.#options
    // An executor must say hello first, and once.
    if ((message.kind === 'hello') !== (this.execId === undefined)) return
    switch (message.kind) {
      case 'hello':
        this.#cancelTimer()
        this.execId = message.hello.execId
        this.#trace = this.#options.traceOf?.(message.hello, this.#options.link.peer?.incarnation)
        this.#trace?.heard('ExecutorHello', {}, sharedIds.hello)
        events.hello(this, message.hello)
        return
      case 'held':
        for (const attempt of message.attempts) this.#held.push(attempt)
        if (this.#held.length > limits.heldAttempts)
          throw invalid('it holds more than it can have been given')
        if (message.last) events.held(this, this.#held.splice(0))
        return
      case 'started':
        events.started(this, message.attempts)
        return
      case 'returned':
        events.returned(this, message.attempts)
        return
      case 'results':
        this.#results += message.results.length
        events.results(
          this,
          message.results.map((result) => this.#whole(result)),
        )
        return
      case 'chunk':
        this.#bodies.add(message.chunk)
        return
      case 'answer':
        this.#questions.get(message.answer.number)?.(message.answer.text)
        return
      case 'ending':
        this.#trace?.heard('ExecutorEnding', { reason: message.reason }, sharedIds.ending)
        events.ending(this, message.reason, message.hasWorked)
        return
      case 'progress':
        events.progress(this, message.progress)
        return
      case 'output':
        events.output(this, message.part)
        return
      case 'log':
        events.log(this, message.text)
    }
  }

  #whole(result: Extract<FromExecutor, { kind: 'results' }>['results'][number]): AttemptResult {
    const { body } = result
    if (body !== undefined) return result as AttemptResult
    return { taskId: result.taskId, n: result.n, status: result.status, body: this.#bodies.take(result) }
  }

  #tellPressure(): void {
    if (this.#stream.isBlocked === this.#blocked) return
    this.#blocked = !this.#blocked
    this.#options.events.pressure(this)
  }
}
