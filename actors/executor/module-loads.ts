import { AsyncLocalStorage } from 'node:async_hooks'

/** Which module's code runs, among those that are loading side by side in a thread. */
export class ModuleLoads {
  readonly #urls = new AsyncLocalStorage<string>()
  #underWay = 0

  async run<T>(url: string, load: () => Promise<T>): Promise<T> {
    this.#underWay++
    try {
      return await this.#urls.run(url, load)
    } finally {
      // It makes each promise of the thread a little slower.
      if (--this.#underWay === 0) this.#urls.disable()
    }
  }

  /** The URL of the module; undefined: it is other code that runs, or nobody knows. */
  get current(): string | undefined {
    return this.#urls.getStore()
  }
}
