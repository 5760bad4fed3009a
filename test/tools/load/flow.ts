import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { commandEnvironment } from '../../harness/up-process.js'
import type { FlowAnswer, FlowLook, FlowOrder, FlowQuestion, FlowTotals } from './flow-messages.js'

/** A task without a result after this time is lost. */
const DRAIN_MS = 20_000

/** An application that keeps tasks flowing, in a process of its own. */
export class TaskFlow {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exited = once(child, 'exit')
  }

  /** Resolves when results come. */
  static async start(order: FlowOrder): Promise<TaskFlow> {
    const path = fileURLToPath(new URL('./flow-program.js', import.meta.url))
    const child = fork(path, { env: commandEnvironment(), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const flow = new TaskFlow(child)
    try {
      await flow.#ask('started', { ask: 'start', order })
    } catch (error) {
      await flow.end()
      throw error
    }
    return flow
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async look(): Promise<FlowLook> {
    return (await this.#ask('looked', { ask: 'look' })).look
  }

  /** The longest time between two results from one shared time to another, in ms. */
  async gap(fromMs: number, toMs: number): Promise<number> {
    return (await this.#ask('gap', { ask: 'gap', fromMs, toMs })).gapMs
  }

  /** Submits no more tasks, and waits for those under way. */
  async drain(): Promise<FlowTotals> {
    return (await this.#ask('drained', { ask: 'drain', patienceMs: DRAIN_MS })).totals
  }

  async end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL')
      await this.#exited
    }
  }

  /** One question at a time. */
  async #ask<A extends FlowAnswer['answer']>(
    wanted: A,
    question: FlowQuestion,
  ): Promise<Extract<FlowAnswer, { answer: A }>> {
    const answered = once(this.#child, 'message') as Promise<[FlowAnswer]>
    this.#child.send(question)
    const gone = this.#exited.then((): never => {
      throw new Error('the application has ended unasked')
    })
    const [answer] = await Promise.race([answered, gone])
    if (answer.answer === 'failed') throw new Error(`the application failed: ${answer.reason}`)
    if (answer.answer !== wanted) throw new Error(`the application answered ${answer.answer}, not ${wanted}`)
    return answer as Extract<FlowAnswer, { answer: A }>
  }
}
