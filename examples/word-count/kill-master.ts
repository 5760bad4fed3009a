import { availableParallelism } from 'node:os'
import type { App, ConnectOptions } from 'firesteel'
import { createTestCluster, type TestCluster } from 'firesteel/testing'
import type { Totals } from './count.js'
import type { Survey } from './survey.js'

/** A cluster whose Master is killed (-9) once half of the work is done. */
export class MasterKiller implements AsyncDisposable {
  readonly app: App
  readonly #cluster: TestCluster
  readonly #say: (text: string) => void
  #outage: Promise<number> | undefined

  private constructor(cluster: TestCluster, app: App, say: (text: string) => void) {
    this.#cluster = cluster
    this.app = app
    this.#say = say
  }

  static async start(options: ConnectOptions, say: (text: string) => void): Promise<MasterKiller> {
    const cluster = await createTestCluster({ cores: availableParallelism() })
    try {
      return new MasterKiller(cluster, await cluster.connect(options), say)
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  /** Call it after each task. */
  progress(bytesDone: number, { bytes }: Survey): void {
    if (this.#outage !== undefined || bytesDone * 2 < bytes) return
    this.#outage = this.#kill()
    // `outageMs` rejects with this error. Until it is called, the rejection must not count as unhandled.
    this.#outage.catch(() => undefined)
  }

  /** Resolves when a Master is ALIVE again, with the milliseconds without one. */
  async outageMs(): Promise<number> {
    this.#outage ??= this.#kill()
    return this.#outage
  }

  async #kill(): Promise<number> {
    const master = this.#cluster.node('m1')
    const killedAtMs = performance.now()
    const pid = await this.#cluster.kill(master)
    this.#say(`Killed the Master (process ${pid}) half-way; tasks run on.`)
    await this.#cluster.waitAlive({ workers: 0, everyMs: 5 })
    return performance.now() - killedAtMs
  }

  /** A sentence for people about the effect of the kill. Throws if something was lost. */
  summary(totals: Totals, { files }: Survey, outageMs: number): string {
    const seen = totals.files + totals.skipped + totals.unreadableFiles
    if (seen !== files || totals.retried > 0) {
      throw new Error(`the kill did harm: ${seen} of ${files} files, ${totals.retried} tasks repeated`)
    }
    const back = `The Master was gone for ${Math.round(outageMs)} ms and is ALIVE again.`
    return `${back} Nothing was lost: ${files} of ${files} files, ${totals.tasks} tasks, none repeated.`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.stop()
  }
}
