import type { Context, Hono } from 'hono'
import type { AnswersPages } from '../../../runtime/pages/page-site.js'
import { refusedPage } from '../../../runtime/pages/session-pages.js'
import { isOpen } from '../../../runtime/pages/visitors.js'
import { mayAs, roleOf } from '../../../runtime/transport/token.js'

/*
 * What a session sees at a Worker. A Worker does not know whose work is whose, so it asks the leader as the
 * token of the session: with `submit` one reads the output of one's own work, and nothing else here.
 */

export interface RoleOptions {
  /** Whether this token may read the output of this driver or executor. Rejects if nobody says so. */
  readonly ownsOutput: (subject: string, id: string) => Promise<boolean>
}

const ALL = 'The pages of a Worker show the work of all, and your session sees its own only.'
const OUTPUTS = 'Your session has the role observe, and outputs need submit.'
const OTHERS = 'This output is not that of your token.'
const UNKNOWN = 'The Master that leads did not say whose output this is. Try again soon.'

/** The id in an address of an output, however it is spelt; undefined: it is another address. */
function outputIn(target: string): string | undefined {
  // Two slashes at the beginning would be a host.
  const { pathname } = new URL(target.replace(/^\/+/, '/'), 'http://node')
  const path = pathname.replace(/\/+/g, '/')
  const [, id] = /^\/logs\/([^/]+)/.exec(path) ?? []
  if (id === undefined) return undefined
  try {
    return decodeURIComponent(id)
  } catch {
    return ''
  }
}

/** What a request is about: an open page is kept current at an address of its own. */
export const askedIn = ({ req }: Context): string | undefined =>
  outputIn(req.path === '/live' ? (req.query('of') ?? '/') : req.url)

/** To be added before all that it guards. */
export function addRoles(routes: Hono, site: AnswersPages, { ownsOutput }: RoleOptions): void {
  const refused = (context: Context, why: string): Response =>
    site.answer(context, refusedPage(why), { status: 403 })

  const whyNot = async (subject: string, id: string | undefined): Promise<string | undefined> => {
    const role = roleOf(subject)
    if (mayAs(role, 'operate')) return undefined
    if (role === 'observe') return id === undefined ? undefined : OUTPUTS
    if (id === undefined) return ALL
    try {
      return (await ownsOutput(subject, id)) ? undefined : OTHERS
    } catch {
      return UNKNOWN
    }
  }

  routes.use(async (context, next) => {
    const subject = site.session(context)?.subject
    if (subject === undefined || isOpen(context.req.path) || isOwn(context.req.path)) return next()
    const why = await whyNot(subject, askedIn(context))
    return why === undefined ? next() : refused(context, why)
  })
  // An address that its reader reads otherwise than the guard names no output.
  routes.use('/logs/:id/*', async (context, next) => {
    const isClear = askedIn(context) === context.req.param('id')
    return isClear || site.session(context)?.subject === undefined ? next() : refused(context, OTHERS)
  })
}

/** Signing out. */
const isOwn = (path: string): boolean => path.startsWith('/do/')
