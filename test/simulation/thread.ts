import { once } from 'node:events'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { scriptNamed } from './scripts.js'
import { type SimulationOptions, simulate } from './simulation.js'

/*
 * The test runner follows every promise of its thread with async hooks, which doubles the time of a
 * simulation. In a thread of its own a history costs what it costs in `npm run sim`.
 */

export interface HistoryOptions extends Omit<SimulationOptions, 'script'> {
  /** Name of the script. Absent: random faults. */
  readonly script?: string
}

export interface History {
  readonly events: number
  /** Undefined: no promise was broken. */
  readonly violation: string | undefined
  readonly log: readonly string[]
}

/** A thread that plays one history after the other. */
export class HistoryThread {
  readonly #worker = new Worker(new URL(import.meta.url))

  /** Rejects with what ends the thread, such as an error that no history catches. */
  async play(options: HistoryOptions): Promise<History> {
    this.#worker.postMessage(options)
    const [history] = await once(this.#worker, 'message')
    return history as History
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}

async function played({ script, ...options }: HistoryOptions): Promise<History> {
  const named = script === undefined ? {} : { script: scriptNamed(script) }
  const { events, violation, log } = await simulate({ ...options, ...named })
  return { events, violation: violation && String(violation), log }
}

if (!isMainThread) {
  const port = parentPort!
  port.on('message', async (options: HistoryOptions) => port.postMessage(await played(options)))
}
