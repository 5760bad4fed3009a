import { Hono } from 'hono'
import type { PageReaders } from '../../../runtime/http/readers.js'
import { PageSite } from '../../../runtime/pages/page-site.js'
import { addSessionPages, readersOf } from '../../../runtime/pages/session-pages.js'
import type { Session, Sessions } from '../../../runtime/pages/sessions.js'
import type { FindLog } from '../logs/kept-log.js'
import { addLogReaders, type LogReadersOptions } from './log-readers.js'
import { addRoles, type RoleOptions } from './log-roles.js'
import { addLogs } from './log-routes.js'
import { masterOrigins, type WorkerPageSetOptions, workerPageSet } from './worker-page-set.js'

export interface WorkerPagesOptions extends WorkerPageSetOptions, RoleOptions {
  readonly sessions: Sessions
  /** Who reads without a session. Default: programs of this machine. */
  readonly readableBy?: PageReaders | undefined
  /** What scripts read, such as `/json/`. The same people may read it. */
  readonly data: Hono
  readonly onSession: (address: string, session: Session) => void
  /** Absent: nobody wants to know. */
  readonly onRead?: LogReadersOptions['onRead'] | undefined
  readonly onError: (error: unknown) => void
}

/** The pages of a Worker over HTTP, with who may read them. */
export function workerPages(options: WorkerPagesOptions): Hono {
  const { sessions, readableBy, data, wallMs, onRead, onError } = options
  const site = new PageSite({
    pages: workerPageSet(options),
    sessions,
    masters: masterOrigins,
    others: () => [],
    hello: () => ({}),
    wallMs,
    onError,
  })
  const routes = new Hono()
  const find: FindLog = (id, output) => site.view.findLog(id, output)
  if (onRead) addLogReaders(routes, site, { find, onRead })
  routes.use(readersOf(site, readableBy))
  addRoles(routes, site, options)
  routes.route('/', data)
  addLogs(routes, site, { find, wallMs })
  site.addTo(routes)
  addSessionPages(routes, site, options)
  site.addMissingTo(routes)
  return routes
}
