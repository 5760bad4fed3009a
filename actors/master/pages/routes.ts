import { Hono } from 'hono'
import type { PageReaders } from '../../../runtime/http/readers.js'
import { PageSite } from '../../../runtime/pages/page-site.js'
import { addSessionPages, readersOf } from '../../../runtime/pages/session-pages.js'
import type { Session, Sessions } from '../../../runtime/pages/sessions.js'
import { seesOwnOnly, wholeOnly } from '../../../runtime/pages/visitors.js'
import { addDrain, type DrainOptions } from './drain.js'
import { addGo } from './go.js'
import { addKill, type KillOptions } from './kill.js'
import { type MasterPageSetOptions, masterPageSet } from './master-page-set.js'
import { leaderOrigin, masterOrigins, otherOrigins } from './masters.js'
import { OwnPages } from './own-pages.js'
import { leads } from './view.js'

export interface MasterPagesOptions extends MasterPageSetOptions, KillOptions, DrainOptions {
  readonly sessions: Sessions
  /** Who reads without a session. Default: programs of this machine. */
  readonly readableBy?: PageReaders | undefined
  /** What scripts read, such as `/json/`. The same people may read it. */
  readonly data: Hono
  readonly onSession: (address: string, session: Session) => void
  readonly onError: (error: unknown) => void
}

/** The pages of a Master over HTTP, with who may read and change what. */
export function masterPages(options: MasterPagesOptions): Hono {
  const { sessions, readableBy, data, wallMs, onError } = options
  const pages = masterPageSet(options)
  const own = new OwnPages(options)
  const site = new PageSite({
    pages,
    pagesOf: (session) =>
      session.subject !== undefined && seesOwnOnly(session) ? own.of(session.subject) : pages,
    sessions,
    masters: masterOrigins,
    others: otherOrigins,
    hello: (view) => ({ leads: leads(view), leader: leaderOrigin(view) }),
    wallMs,
    onError,
  })
  const routes = new Hono()
  routes.use(readersOf(site, readableBy))
  routes.use('/json/*', wholeOnly(sessions))
  routes.route('/', data)
  site.addTo(routes)
  addSessionPages(routes, site, options)
  addKill(routes, site, options)
  addDrain(routes, site, options)
  addGo(routes, site)
  site.addMissingTo(routes)
  return routes
}
