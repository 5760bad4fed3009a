import { innerLimits } from '../../../runtime/inner-limits.js'
import type { PageSet } from '../../../runtime/pages/page-set.js'
import type { Owner } from '../../messages/tokens.js'
import { type MasterPageSetOptions, masterPageSet } from './master-page-set.js'
import type { MasterPageView } from './view.js'

/* What a token of the role submit sees: Workers, and of drivers and applications its own, as in `status`. */

/** The same view without the work of others, and without what needs another role. */
export function ownView(view: MasterPageView, subject: string): MasterPageView {
  const isOwn = (row: { readonly owner?: Owner | undefined } | undefined): boolean =>
    row?.owner?.id === subject
  const owns = (id: string): boolean => {
    const { application, driver } = view.detailed(id)
    return isOwn(application) || isOwn(driver)
  }
  const { state } = view
  return {
    ...view,
    state: {
      ...state,
      activeApps: state.activeApps.filter(isOwn),
      completedApps: state.completedApps.filter(isOwn),
      activeDrivers: state.activeDrivers.filter(isOwn),
      completedDrivers: state.completedDrivers.filter(isOwn),
    },
    settings: [],
    detailed: (id) => {
      const { worker, application, driver } = view.detailed(id)
      return {
        worker,
        application: isOwn(application) ? application : undefined,
        driver: isOwn(driver) ? driver : undefined,
      }
    },
    failover: () => [],
    messagesOf: () => [],
    newestMessages: () => undefined,
    messagesOfTrace: () => [],
    taskStream: (appId) => (owns(appId) ? view.taskStream(appId) : undefined),
    logHomes: (id) => (owns(id.split('/')[0] ?? '') ? view.logHomes(id) : []),
  }
}

/** Pages for each token that sees its own only. Those that nobody has asked for the longest go first. */
export class OwnPages {
  readonly #options: MasterPageSetOptions
  readonly #sets = new Map<string, PageSet<MasterPageView>>()

  constructor(options: MasterPageSetOptions) {
    this.#options = options
  }

  of(subject: string): PageSet<MasterPageView> {
    const { take, wallMs } = this.#options
    const set = this.#sets.get(subject) ?? masterPageSet({ take: () => ownView(take(), subject), wallMs })
    this.#sets.delete(subject)
    this.#sets.set(subject, set)
    for (const oldest of this.#sets.keys()) {
      if (this.#sets.size <= innerLimits.ownPageSets) break
      this.#sets.delete(oldest)
    }
    return set
  }
}
