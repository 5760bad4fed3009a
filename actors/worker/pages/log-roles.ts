import type { Context, Hono, MiddlewareHandler } from 'hono'
import type { AnswersPages } from '../../../runtime/pages/page-site.js'
import { refusedPage } from '../../../runtime/pages/session-pages.js'
import type { Session } from '../../../runtime/pages/sessions.js'
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

/** The id in an address of an output, read as the pages read it; undefined: it is another address. */
function outputIn(target: string): string | undefined {
  const [, id] = /^\/logs\/([^/]+)/.exec(new URL(target, 'http://node').pathname.replace(/\/+/g, '/')) ?? []
  if (id === undefined) return undefined
  try {
    return decodeURIComponent(id)
  } catch {
    return ''
  }
}

/** To be added before all that it guards. */
export function addRoles(routes: Hono, site: AnswersPages, { ownsOutput }: RoleOptions): void {
  const refused = (context: Context, why: string): Response =>
    site.answer(context, refusedPage(why), { status: 403 })

  const whyNot = async ({ subject }: Session, id: string | undefined): Promise<string | undefined> => {
    if (subject === undefined || mayAs(roleOf(subject), 'operate')) return undefined
    if (roleOf(subject) === 'observe') return id === undefined ? undefined : OUTPUTS
    if (id === undefined) return ALL
    try {
      return (await ownsOutput(subject, id)) ? undefined : OTHERS
    } catch {
      return UNKNOWN
    }
  }

  const guard =
    (idOf: (context: Context) => string | undefined): MiddlewareHandler =>
    async (context, next) => {
      const session = site.session(context)
      const why = session && (await whyNot(session, idOf(context)))
      return why === undefined ? next() : refused(context, why)
    }

  for (const path of ['/', '/json', '/json/*'])
    routes.use(
      path,
      guard(() => undefined),
    )
  routes.use(
    '/live',
    guard((context) => outputIn(context.req.query('of') ?? '/')),
  )
  routes.use('/logs/:id/*', async (context, next) => {
    const asked = outputIn(context.req.url)
    // An address that two readers would read in two ways names no output.
    if (site.session(context)?.subject !== undefined && asked !== context.req.param('id'))
      return refused(context, OTHERS)
    return guard(() => asked)(context, next)
  })
}
