import type { StartedProcess } from '../../runtime/process/process-tree.js'
import type { ProcessNote } from '../../runtime/process/tell-processes.js'

/** Loaded with the first process: most executors start none, and reach their driver sooner without it. */
const tree = (): Promise<typeof import('../../runtime/process/process-tree.js')> =>
  import('../../runtime/process/process-tree.js')

/** The processes that the code of one thread has started and that have not ended. They end with it. */
export class ThreadProcesses {
  readonly #running = new Map<number, Promise<StartedProcess>>()

  heard({ pid, isOver }: ProcessNote): void {
    if (isOver) this.#running.delete(pid)
    else
      this.#running.set(
        pid,
        tree().then(({ startedProcess }) => startedProcess(pid)),
      )
  }

  /** Call it when the thread has ended. Undefined: there are none. It never rejects. */
  end(): Promise<void> | undefined {
    if (this.#running.size === 0) return undefined
    return this.#end()
  }

  async #end(): Promise<void> {
    const { endProcesses } = await tree()
    await endProcesses(await Promise.all(this.#running.values()))
  }
}
