import type { Hono } from 'hono'
import { webOrigin } from '../../../runtime/pages/page-headers.js'
import type { PageSite } from '../../../runtime/pages/page-site.js'
import { safePath } from '../../../runtime/pages/session-pages.js'
import type { Session } from '../../../runtime/pages/sessions.js'
import { leaderOrigin } from './masters.js'
import { type MasterPageView, workerOf } from './view.js'

/*
 * Links to the pages of other nodes. A cookie is for one host, so a session goes there with a ticket. Only
 * nodes of the cluster are named, so that nobody is sent anywhere else.
 */

export function addGo(routes: Hono, site: PageSite<MasterPageView>): void {
  const go = (origin: string | undefined, session: Session | undefined, path: string): Response => {
    if (origin === undefined) return new Response(null, { status: 303, headers: { location: '/' } })
    const to = safePath(path)
    const ticket = session && site.sessions.ticket(origin, session)
    const query = ticket && new URLSearchParams({ ticket, to }).toString()
    const location = query === undefined ? `${origin}${to}` : `${origin}/session?${query}`
    return new Response(null, { status: 303, headers: { location, 'referrer-policy': 'no-referrer' } })
  }
  routes.get('/go/leader', (context) =>
    go(leaderOrigin(site.view), site.session(context), context.req.query('to') ?? '/'),
  )
  routes.get('/go/master/:address', (context) => {
    const address = context.req.param('address')
    const master = site.view.state.masters.find((one) => one.address === address)
    return go(webOrigin(master?.web), site.session(context), '/')
  })
  routes.get('/go/worker/:id', (context) => {
    const worker = workerOf(site.view, context.req.param('id'))
    return go(webOrigin(worker?.web), site.session(context), context.req.query('to') ?? '/')
  })
}
