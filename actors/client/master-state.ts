import type {
  ApplicationView,
  ExecutorStatus,
  MasterStatePage,
  MasterStateResponse,
  RequestMasterState,
} from '../messages/status.js'

interface Row {
  readonly id: string
}

/**
 * Joins the pages of a Master's state, pure. A page of another leadership than the first restarts the state,
 * because its numbers are different. A row that ended between two pages is in both kinds of rows; its end
 * counts.
 */
export class StatePages {
  readonly #request: RequestMasterState
  #pages: MasterStatePage[] = []

  constructor(request: RequestMasterState) {
    this.#request = request
  }

  /** The next request to send. */
  get request(): RequestMasterState {
    const after = this.#pages.at(-1)?.next
    return after === undefined ? this.#request : { ...this.#request, after }
  }

  /** Returns the whole state, or undefined while more pages follow. */
  add(page: MasterStatePage): MasterStateResponse | undefined {
    const [first] = this.#pages
    const isSame = first?.position.epoch === page.position.epoch && first.address === page.address
    // A Master that gets a cursor of another leadership answers with its own first page.
    if (first && !isSame) this.#pages = []
    this.#pages.push(page)
    return page.next === undefined ? wholeOf(this.#pages) : undefined
  }
}

function wholeOf(pages: readonly MasterStatePage[]): MasterStateResponse {
  const { next: _, executors: __, ...head } = pages.at(-1) as MasterStatePage
  const completedApps = newest(pages.flatMap((page) => page.completedApps))
  const completedDrivers = newest(pages.flatMap((page) => page.completedDrivers))
  const executors = executorsByApp(pages)
  const withExecutors = (app: MasterStatePage['activeApps'][number]): ApplicationView => ({
    ...app,
    executors: executors.get(app.id) ?? [],
  })
  return {
    ...head,
    workers: newest(pages.flatMap((page) => page.workers)),
    activeApps: without(newest(pages.flatMap((page) => page.activeApps)), completedApps).map(withExecutors),
    completedApps: completedApps.map((app) => ({ ...app, executors: [] })),
    activeDrivers: without(newest(pages.flatMap((page) => page.activeDrivers)), completedDrivers),
    completedDrivers,
  }
}

/** One row per id: the newest, at the place of the first. */
const newest = <T extends Row>(rows: readonly T[]): T[] => [
  ...new Map(rows.map((row) => [row.id, row])).values(),
]

function without<T extends Row>(rows: readonly T[], ended: readonly Row[]): T[] {
  const ids = new Set(ended.map(({ id }) => id))
  return rows.filter(({ id }) => !ids.has(id))
}

function executorsByApp(pages: readonly MasterStatePage[]): Map<string, ExecutorStatus[]> {
  const apps = new Map<string, Map<number, ExecutorStatus>>()
  for (const executor of pages.flatMap((page) => page.executors)) {
    const of = apps.get(executor.appId) ?? new Map<number, ExecutorStatus>()
    apps.set(executor.appId, of.set(executor.execId, executor))
  }
  return new Map([...apps].map(([appId, executors]) => [appId, [...executors.values()]]))
}
