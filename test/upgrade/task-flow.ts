import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { App } from '../../actors/client/app.js'
import type { TestCluster } from '../harness/index.js'

const tasksUrl = new URL('../tools/failover-tasks.js', import.meta.url)
type Tasks = typeof import('../tools/failover-tasks.js')

const TASK_MS = 10

/** Tasks that follow each other until they are stopped, so many at a time. Each says that it ran. */
export class LoadFlow {
  readonly #app: App
  readonly #file: string
  readonly #wrong: string[] = []
  readonly #chains: Promise<void>[]
  #begun = 0
  #results = 0
  #isOver = false
  #lastMs: number | undefined
  #longestGapMs = 0

  private constructor(app: App, file: string, width: number) {
    this.#app = app
    this.#file = file
    app.on('taskRepeated', ({ cause }) => this.#wrong.push(`a task ran again: ${JSON.stringify(cause)}`))
    app.on('executorLost', (lost) => this.#wrong.push(`an executor was lost: ${JSON.stringify(lost)}`))
    this.#chains = Array.from({ length: width }, () => this.#chain())
  }

  static async start(cluster: TestCluster, width: number, workers: number): Promise<LoadFlow> {
    const app = await cluster.connect({
      name: 'flow',
      executors: workers,
      executor: { cores: 1, memory: '128m' },
    })
    const flow = new LoadFlow(app, join(cluster.directory, `${app.id}.runs`), width)
    await cluster.waitUntil('the flow', () => flow.#results > 10 * width)
    flow.#longestGapMs = 0
    return flow
  }

  get results(): number {
    return this.#results
  }

  /** The longest time without a result so far. */
  get longestGapMs(): number {
    return this.#longestGapMs
  }

  /** Gives what must not have been. */
  async stop(): Promise<string[]> {
    this.#isOver = true
    await Promise.all(this.#chains)
    const { retried, lost, dropped } = this.#app.stats()
    await this.#app.close()
    const ran = (await readFile(this.#file, 'utf8')).split('\n').filter(Boolean)
    const runs = ran.length === this.#begun && new Set(ran).size === ran.length
    return [
      ...this.#wrong,
      ...(retried + lost + dropped > 0 ? [`tasks: ${JSON.stringify({ retried, lost, dropped })}`] : []),
      ...(runs ? [] : [`${this.#begun} tasks ran ${ran.length} times`]),
    ]
  }

  async #chain(): Promise<void> {
    const { mark } = this.#app.tasks<Tasks>(tasksUrl)
    while (!this.#isOver) {
      const id = this.#begun++
      const value = await mark({ file: this.#file, id, ms: TASK_MS }).catch((error: Error) => error)
      if (value !== id * id) this.#wrong.push(`task ${id} gave ${String(value)}`)
      this.#results++
      const nowMs = performance.now()
      this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - (this.#lastMs ?? nowMs))
      this.#lastMs = nowMs
    }
  }
}
