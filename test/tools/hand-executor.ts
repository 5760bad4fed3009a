import { listFromBytes, toBytes } from '../../actors/messages/cloneable.js'
import type { AttemptProgress, ResultStatus, ToExecutor } from '../../actors/messages/task-entries.js'
import { encodeError } from '../../actors/messages/task-error.js'
import * as tasks from '../../actors/messages/tasks.js'
import type { TaskPool } from '../../actors/tasks/task-pool-types.js'
import type { VirtualTime } from './virtual-time.js'

const NO_VALUE = toBytes(null, {
  root: 'result',
  notCloneable: 'RESULT_NOT_CLONEABLE',
  tooLarge: 'RESULT_TOO_LARGE',
  maxBytes: 100,
  task: 'f',
})

/** An executor that runs nothing by itself: a test ends its attempts. */
export class HandExecutor {
  readonly begun: { readonly taskId: number; readonly n: number; readonly atMs: number }[] = []
  readonly cancelled: number[] = []
  /** Called for each attempt that begins, with its input. */
  onRun: ((taskId: number, input: unknown) => void) | undefined
  receiver: { payload(frame: Buffer): void } | undefined
  readonly #time: VirtualTime
  readonly #execId: number

  constructor(time: VirtualTime, pool: TaskPool, execId: number, cores = 1) {
    this.#time = time
    this.#execId = execId
    const hello = { execId, workerId: 'w', host: 'h', cores, pid: 1, resources: {} }
    pool.executorAdded(hello)
    pool.link({
      setReceiver: (receiver) => {
        this.receiver = receiver as unknown as { payload(frame: Buffer): void }
      },
      close: () => {},
      replace: () => {},
      sendPayload: (parts) => {
        this.#receive(tasks.readToExecutor(Buffer.concat(parts)))
        return true
      },
    })
    this.#say((emit) => tasks.writeHello(hello, emit))
    this.#say((emit) => tasks.writeAttempts('held', [], emit))
  }

  /** Ends the newest attempt of a task. */
  end(taskId: number, status: ResultStatus, error?: unknown): void {
    const { n } = this.begun.findLast((one) => one.taskId === taskId) ?? { n: 1 }
    const body = status === 'value' ? NO_VALUE : encodeError(error ?? new Error(`attempt ${n}`))
    this.#say((emit) => tasks.writeResults([{ taskId, n, status, body }], emit))
  }

  /** Several of them come in one frame. */
  progress(...progress: readonly AttemptProgress[]): void {
    this.#say((emit) => tasks.writeProgress(progress, emit))
  }

  die(pool: TaskPool): void {
    pool.executorUpdated({ execId: this.#execId, state: 'EXITED' })
  }

  #say(write: (emit: tasks.Emit) => void): void {
    write((parts) => this.receiver?.payload(Buffer.concat(parts)))
  }

  #receive(message: ToExecutor): void {
    if (message.kind === 'cancel') for (const { taskId } of message.attempts) this.cancelled.push(taskId)
    if (message.kind !== 'run') return
    const atMs = this.#time.monotonicMs()
    for (const { taskId, n, input } of message.tasks) {
      this.begun.push({ taskId, n, atMs })
      this.onRun?.(taskId, input && listFromBytes(input)[0])
    }
  }
}
