import type { Context, Hono } from 'hono'
import type { AnswersPages } from '../../../runtime/pages/page-site.js'
import { addressOf } from '../../../runtime/pages/visitors.js'
import { roleOf } from '../../../runtime/transport/token.js'
import type { FindLog } from '../logs/kept-log.js'
import { askedIn } from './log-roles.js'

/* Who reads which output over HTTP, for the audit. */

export interface OutputRead {
  readonly event: 'output'
  /** Id of the driver or executor. */
  readonly about: string
  /** `secret`: a session of who has the cluster's secret. Absent: that of a token. */
  readonly who?: 'secret' | 'no session'
  readonly role?: string
  readonly token?: string
  /** The address that the request comes from. */
  readonly from: string
  readonly outcome: 'done' | 'refused'
  readonly code?: string
}

export interface LogReadersOptions {
  readonly find: FindLog
  readonly onRead: (read: OutputRead) => void
}

/** To be added before all that answers or refuses. */
export function addLogReaders(routes: Hono, site: AnswersPages, { find, onRead }: LogReadersOptions): void {
  const note = (context: Context, id: string | undefined): void => {
    const { status } = context.res
    if (id === undefined || (status >= 400 && !refusals.has(status))) return
    const session = site.session(context)
    const isDone = status < 400
    // The page that says that there is no such output is no output.
    if (isDone && !find(id, 'stdout') && !find(id, 'stderr')) return
    const subject = session?.subject
    onRead({
      event: 'output',
      about: id,
      ...(subject === undefined && { who: session ? 'secret' : 'no session' }),
      ...(session && { role: roleOf(subject) }),
      ...(subject !== undefined && { token: subject }),
      from: addressOf(context),
      outcome: isDone ? 'done' : 'refused',
      ...(!isDone && { code: session ? 'FIRESTEEL_NOT_ALLOWED' : 'FIRESTEEL_HTTP_REFUSED' }),
    })
  }
  /** As the route of an output reads its address, where that differs from what the address says. */
  const named = new WeakMap<Request, string>()
  routes.use(async (context, next) => {
    await next()
    note(context, named.get(context.req.raw) ?? askedIn(context))
  })
  routes.use('/logs/:id/*', (context, next) => {
    named.set(context.req.raw, context.req.param('id'))
    return next()
  })
}

const refusals: ReadonlySet<number> = new Set([401, 403])
