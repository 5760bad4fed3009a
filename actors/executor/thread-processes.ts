import { setTimeout as delay } from 'node:timers/promises'
import { innerLimits } from '../../runtime/inner-limits.js'
import { AdoptedChildren } from '../../runtime/process/adopted-children.js'
import type { StartedProcess } from '../../runtime/process/process-tree.js'
import { sendSignal } from '../../runtime/process/send-signal.js'
import { type ProcessNote, tellProcesses, type WorkerNote } from '../../runtime/process/tell-processes.js'

/** Loaded with the first process: most executors start none, and reach their driver sooner without it. */
const tree = (): Promise<typeof import('../../runtime/process/process-tree.js')> =>
  import('../../runtime/process/process-tree.js')

async function lookAt(pid: number): Promise<StartedProcess> {
  const { startedProcess } = await tree()
  return startedProcess(pid)
}

/** The kernel wakes who waits for the end of a thread a moment before it gives the children away. */
const childrenGiven = (): Promise<void> => delay(innerLimits.processGoneLookMs)

/** Of all threads of this process. */
const adopted = new AdoptedChildren<ThreadProcesses>()

let isMainKept = false

/**
 * Call it before a thread starts. What the main thread has started and will start belongs to no other thread:
 * modules that are preloaded run there, too.
 */
export function keepMainProcesses(): void {
  if (isMainKept) return
  isMainKept = true
  adopted.keepAll()
  tellProcesses((note) => {
    if (note.kind !== 'process') return
    if (note.isOver) adopted.forget(note.pid)
    else adopted.keep(note.pid)
  })
}

/**
 * The processes that the code of one thread has started and that have not ended, and those of the Workers
 * that it has started. They end with it.
 */
export class ThreadProcesses {
  readonly #running = new Map<number, Promise<StartedProcess>>()
  #hasWorkers = false

  heard({ pid, isOver }: ProcessNote): void {
    this.#running.delete(pid)
    if (isOver) return
    const looked = lookAt(pid)
    looked.catch(() => undefined)
    this.#running.set(pid, looked)
  }

  heardOfWorker({ isOver }: WorkerNote): void {
    this.#hasWorkers = true
    if (!isOver) adopted.workerBegan(this)
    else void childrenGiven().then(() => adopted.workerEnded(this))
  }

  /** Call it when the thread has ended. Undefined: there are none. It never rejects. */
  end(): Promise<void> | undefined {
    if (this.#hasWorkers) return this.#endWithWorkers()
    return this.#running.size === 0 ? undefined : this.#end()
  }

  /** All its Workers have ended before it. */
  async #endWithWorkers(): Promise<void> {
    await childrenGiven()
    for (const pid of adopted.end(this)) {
      if (!this.#running.has(pid)) this.heard({ kind: 'process', pid, isOver: false })
    }
    if (this.#running.size > 0) await this.#end()
  }

  async #end(): Promise<void> {
    try {
      const { endProcesses } = await tree()
      await endProcesses(await Promise.all(this.#running.values()))
    } catch {
      // Not even the code for it can be read, such as without descriptors. Children of ours keep their pids.
      for (const pid of this.#running.keys()) sendSignal(pid, 'SIGKILL')
    }
  }
}
