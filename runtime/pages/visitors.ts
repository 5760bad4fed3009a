import type { Context, MiddlewareHandler } from 'hono'
import { isOwnOrigin } from '../http/guards.js'
import { isLoopback, type PageReaders } from '../http/readers.js'
import { refusal } from '../http/refusal.js'
import { limits } from '../limits.js'
import { roleOf } from '../transport/token.js'
import type { Session, Sessions } from './sessions.js'

/* Which requests may read, and which may change something. */

/** A proxy on this machine speaks for somebody elsewhere. */
const forwarded = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

interface Bindings {
  readonly incoming?: { readonly socket: { readonly remoteAddress?: string | undefined } }
}

/** The address that the connection comes from; '' where there is none. */
export const addressOf = (context: Context): string =>
  (context.env as Bindings | undefined)?.incoming?.socket.remoteAddress ?? ''

/** True: it was sent on this machine, and by no proxy that says that it forwards. */
export function isLocal(context: Context): boolean {
  return isLoopback(addressOf(context)) && forwarded.every((name) => context.req.header(name) === undefined)
}

export const sessionOf = (sessions: Sessions, context: Context): Session | undefined =>
  sessions.of(context.req.header('cookie'))

/** Probes have a switch of their own (see monitoring.ts). The rest is needed to get a session. */
const open = new Set(['/healthz', '/readyz', '/leader', '/session'])
export const isOpen = (path: string): boolean => open.has(path) || path.startsWith('/assets/')

/** Why somebody does not read. */
export const readingNeeds = (who: PageReaders): string =>
  who === 'loopback' ? 'Reading from another machine needs a session' : 'Reading needs a session'

/** With the role submit one sees one's own work only. */
export const seesOwnOnly = (session: Session | undefined): boolean =>
  session !== undefined && roleOf(session.subject) === 'submit'

/** Refuses what shows the work of all to a session that sees its own only. */
export function wholeOnly(sessions: Sessions): MiddlewareHandler {
  return async (context, next) => {
    if (!seesOwnOnly(sessionOf(sessions, context))) return next()
    const message = 'This shows the work of all, and a session of the role submit sees its own only.'
    return context.json(refusal('HTTP_REFUSED', message), 403)
  }
}

/** What a form sent, if it may change something; otherwise why it may not. */
export type Change =
  | { readonly session: Session; readonly fields: URLSearchParams }
  | { readonly refused: string }

/**
 * A change comes from a form of ours, in a session, and was sent by the page of this very node: a form of
 * another site has another Origin, and knows no token.
 */
export async function changeOf(sessions: Sessions, context: Context): Promise<Change> {
  const { req } = context
  const origin = req.header('origin')
  const site = req.header('sec-fetch-site')
  if (origin === undefined || !isOwnOrigin(origin, req.header('host') ?? ''))
    return { refused: 'A change must be sent by a page of this node.' }
  if (site !== undefined && site !== 'same-origin')
    return { refused: 'A change must be sent by a page of this node.' }
  const session = sessionOf(sessions, context)
  if (!session) return { refused: 'A change needs a session, and there is none, or it has ended.' }
  const text = await req.text()
  if (text.length > limits.httpBodyBytes) return { refused: 'The form is too large.' }
  const fields = new URLSearchParams(text)
  if (!sessions.isFormToken(session, fields.get('token') ?? ''))
    return { refused: 'The form belongs to another session. Open its page again.' }
  return { session, fields }
}
