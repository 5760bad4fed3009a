import { FIRST_LAUNCHERS, type LaunchersResponse, type RequestLaunchers } from '../messages/launchers.js'

/** Joins the pages of a leader's launchers. A page of another leadership than the first begins anew. */
export class LauncherPages {
  #pages: LaunchersResponse[] = []

  /** The next request to send. */
  get request(): RequestLaunchers {
    return { type: 'RequestLaunchers', after: this.#pages.at(-1)?.next ?? FIRST_LAUNCHERS }
  }

  /** Returns all of them, or undefined while more pages follow. */
  add(page: LaunchersResponse): LaunchersResponse | undefined {
    if (this.#pages[0]?.epoch !== page.epoch) this.#pages = []
    this.#pages.push(page)
    const { next, launchers: _, ...last } = page
    if (next !== undefined) return undefined
    return { ...last, launchers: this.#pages.flatMap(({ launchers }) => launchers) }
  }
}
