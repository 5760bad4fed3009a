import type { Hono } from 'hono'
import { servePages } from '../../../runtime/pages/serve-pages.js'
import { type MasterPageSetOptions, masterPageSet } from './master-page-set.js'
import { leaderOrigin, masterOrigins, otherOrigins } from './masters.js'
import { leads } from './view.js'

export interface MasterPagesOptions extends MasterPageSetOptions {
  readonly onError: (error: unknown) => void
}

/** The pages of a Master over HTTP. */
export const masterPages = (options: MasterPagesOptions): Hono =>
  servePages({
    pages: masterPageSet(options),
    masters: masterOrigins,
    others: otherOrigins,
    hello: (view) => ({ leads: leads(view), leader: leaderOrigin(view) }),
    onError: options.onError,
  })
