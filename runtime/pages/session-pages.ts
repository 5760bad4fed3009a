import type { Context, Hono, MiddlewareHandler } from 'hono'
import { isFiresteelError, reasonOf } from '../errors.js'
import type { PageReaders } from '../http/readers.js'
import { refusal } from '../http/refusal.js'
import { limits } from '../limits.js'
import { mayAs, roleOf, type TokenRole } from '../transport/token.js'
import { type Html, html } from './html.js'
import type { Page } from './layout.js'
import type { AnswersPages } from './page-site.js'
import { code, lasting, notice } from './parts.js'
import type { Session, TicketRefusal } from './sessions.js'
import { addressOf, changeOf, isLocal, isOpen, readingNeeds } from './visitors.js'
import { durationText } from './words.js'

/* Signing in and out. A session begins with a link that `firesteel ui` gets from a Master. */

const howTo = (): Html =>
  html`<p class="lead">Run ${code('firesteel ui')} where the secret of the cluster or your token is. It prints a link, and opens it if that machine has a browser. The link works once, within ${durationText(limits.pageTicketMs)}, and opens a session of ${durationText(limits.pageSessionMs)}.</p>`

const reasons: Readonly<Record<TicketRefusal, string>> = {
  forged: 'This link was not made by this cluster, or a part of it is missing.',
  elsewhere: 'This link is for another node of the cluster.',
  late: 'This link is too old.',
  over: 'The token with which this link was made is not in force any more.',
  used: 'This link was used before. If that was not you, let the administrator know.',
  full: 'Too many sessions were opened in the last minutes. Try again soon.',
}

const signInPage = (why?: string): Page => ({
  title: 'Sign in',
  main: html`<h1>Sign in</h1>${why !== undefined && notice('busy', why)}${howTo()}`,
})

/** Lets those read who have a session, or are on this machine if that is enough. Others are told why not. */
export function readersOf(site: AnswersPages, who: PageReaders = 'loopback'): MiddlewareHandler {
  return async (context, next) => {
    const isNear = who === 'loopback' && isLocal(context)
    if (isOpen(context.req.path) || isNear || site.session(context)) return next()
    const why = readingNeeds(who)
    const headers = { 'www-authenticate': 'Firesteel' }
    if ((context.req.header('accept') ?? '').includes('text/html'))
      return site.answer(context, signInPage(`${why}.`), { status: 401, headers })
    const message = `${why}: \`firesteel ui\` gives a link that opens one.`
    return context.json(refusal('HTTP_REFUSED', message), 401, headers)
  }
}

/** For a change that only a session may ask for. */
export const signInToChange = (site: AnswersPages, context: Context): Response =>
  site.answer(context, signInPage('Without a session you can read here, and change nothing.'), {
    status: 403,
  })

/** The answer to a session whose role is not enough; undefined: it is. */
export function roleAnswer(
  site: AnswersPages,
  context: Context,
  session: Session,
  needed: TokenRole,
): Response | undefined {
  const role = roleOf(session.subject)
  if (mayAs(role, needed)) return undefined
  const why = `Your session has the role ${role}, and this needs ${needed}.`
  return site.answer(context, refusedPage(why), { status: 403 })
}

export const refusedPage = (why: string): Page => ({
  title: 'Refused',
  main: html`<h1>This was refused</h1>${notice('bad', why)}<p><a class="button" href="/">To the overview</a></p>`,
})

/** The answer to a change that the leader has not made: it refused to, or could not be asked. */
export function notMade(site: AnswersPages, context: Context, what: string, error: unknown): Response {
  if (!isFiresteelError(error)) throw error
  const status = isFiresteelError(error, 'NOT_ALLOWED') ? 403 : 502
  return site.answer(context, refusedPage(`${what}: ${reasonOf(error)}`), { status })
}

function signedInPage(site: AnswersPages, session: Session, nowMs: number): Page {
  return {
    title: 'Session',
    main: html`<h1>You are signed in</h1>
<p class="lead">For ${lasting(nowMs, session.endsAtMs, nowMs)} from now, at every node of this cluster that you go to from here, with the role ${roleOf(session.subject)}. You can see and change what the ${code('firesteel')} command can with ${session.subject === undefined ? 'the secret of the cluster' : 'your token'}.</p>
<form method="post" action="/do/sign-out"><input type="hidden" name="token" value="${site.sessions.formToken(session)}"><button>Sign out</button></form>`,
  }
}

/** A path of this node, to which a link may lead. */
export const safePath = (text: string | undefined): string =>
  text !== undefined && text.length <= limits.pageTargetChars && /^\/(?![/\\])[\x21-\x7e]*$/.test(text)
    ? text
    : '/'

export interface SessionPagesOptions {
  readonly wallMs: () => number
  /** Somebody has signed in, from there. */
  readonly onSession: (address: string, session: Session) => void
}

export function addSessionPages(
  routes: Hono,
  site: AnswersPages,
  { wallMs, onSession }: SessionPagesOptions,
): void {
  routes.get('/session', (context) => {
    const ticket = context.req.query('ticket')
    if (ticket === undefined) {
      const session = site.session(context)
      return session
        ? site.answer(context, signedInPage(site, session, wallMs()), { form: true })
        : site.answer(context, signInPage())
    }
    const opened = site.sessions.redeem(ticket)
    if (typeof opened === 'string') return site.answer(context, signInPage(reasons[opened]), { status: 403 })
    onSession(addressOf(context), opened)
    const to = safePath(context.req.query('to'))
    const page = {
      title: 'Signed in',
      main: html`<h1>You are signed in</h1><p><a class="button" href="${to}">Go on</a></p>`,
    }
    // A redirect would count as part of the link's own site, and would come without the cookie.
    return site.answer(context, page, {
      refresh: to,
      headers: { 'set-cookie': site.sessions.cookie(opened) },
    })
  })
  routes.post('/do/sign-out', async (context) => {
    const change = await changeOf(site.sessions, context)
    if ('refused' in change) return site.answer(context, refusedPage(change.refused), { status: 403 })
    return new Response(null, {
      status: 303,
      headers: { location: '/session', 'set-cookie': site.sessions.cookie(undefined) },
    })
  })
}
