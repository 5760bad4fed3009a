import type { StartedProcess } from '../../runtime/process/process-tree.js'
import { sendSignal } from '../../runtime/process/send-signal.js'
import type { ProcessNote } from '../../runtime/process/tell-processes.js'

/** Loaded with the first process: most executors start none, and reach their driver sooner without it. */
const tree = (): Promise<typeof import('../../runtime/process/process-tree.js')> =>
  import('../../runtime/process/process-tree.js')

async function lookAt(pid: number): Promise<StartedProcess> {
  const { startedProcess } = await tree()
  return startedProcess(pid)
}

/** The processes that the code of one thread has started and that have not ended. They end with it. */
export class ThreadProcesses {
  readonly #running = new Map<number, Promise<StartedProcess>>()

  heard({ pid, isOver }: ProcessNote): void {
    this.#running.delete(pid)
    if (isOver) return
    const looked = lookAt(pid)
    looked.catch(() => undefined)
    this.#running.set(pid, looked)
  }

  /** Call it when the thread has ended. Undefined: there are none. It never rejects. */
  end(): Promise<void> | undefined {
    return this.#running.size === 0 ? undefined : this.#end()
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
