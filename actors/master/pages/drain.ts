import type { Hono } from 'hono'
import { reasonOf } from '../../../runtime/errors.js'
import { limits } from '../../../runtime/limits.js'
import { type Html, html, type Part } from '../../../runtime/pages/html.js'
import type { Page } from '../../../runtime/pages/layout.js'
import type { PageSite } from '../../../runtime/pages/page-site.js'
import { facts, notice } from '../../../runtime/pages/parts.js'
import { pathPart } from '../../../runtime/pages/path-part.js'
import { notMade, refusedPage, roleAnswer, signInToChange } from '../../../runtime/pages/session-pages.js'
import type { Session } from '../../../runtime/pages/sessions.js'
import { addressOf, changeOf } from '../../../runtime/pages/visitors.js'
import { formatDuration, parseDurationMs } from '../../../runtime/units.js'
import { drainText } from '../../messages/drain-text.js'
import type { WorkerStatus } from '../../messages/status.js'
import { hidden } from './kill.js'
import { workerHref } from './links.js'
import { workerState } from './states.js'
import { isThere, type MasterPageView, workerOf } from './view.js'

/* Draining a Worker from its page, and letting it take work again. */

/** What a page asks the leader for. */
export interface WantedDrain {
  readonly deadlineMs: number
  readonly reason: string
}

export interface DrainOptions {
  /** Asks the leader, as the commands do. `wanted` undefined: it takes work again. */
  readonly drain: (
    id: string,
    wanted: WantedDrain | undefined,
    address: string,
    session: Session,
  ) => Promise<void>
  /** Somebody asked for it, and from where. */
  readonly onDrained: (id: string, isDrained: boolean, address: string, session: Session) => void
}

/** On the page of a Worker. */
export function drainButton(worker: WorkerStatus): Html | false {
  if (!isThere(worker)) return false
  const id = pathPart(worker.id)
  return worker.drain
    ? html`<a class="button" href="/undrain?id=${id}">Let it take work again…</a>`
    : html`<a class="button danger" href="/drain?id=${id}">Drain…</a>`
}

const gonePage: Page = {
  title: 'Not found',
  main: html`<h1>There is no such Worker</h1><p class="lead">It is gone, or this Master does not know it.</p><p><a class="button" href="/workers">To the Workers</a></p>`,
}

interface Asked {
  readonly worker: WorkerStatus
  readonly session: Session
  readonly why?: string
}

const knownOf = (worker: WorkerStatus, nowMs: number): readonly (readonly [string, Part])[] => [
  ['Id', html`<span class="id">${worker.id}</span>`],
  ['State', workerState(worker)],
  ['Cores in use', worker.coresUsed],
  ['Drain', worker.drain && drainText(worker.drain, nowMs)],
]

function drainPage(site: PageSite<MasterPageView>, nowMs: number, { worker, session, why }: Asked): Page {
  const { id, name } = worker
  return {
    title: `Drain ${name}`,
    main: html`<h1>Drain the Worker ${name}?</h1>
${why !== undefined && notice('busy', why)}
<p class="lead">It takes no more work. Tasks in hand finish, and supervised drivers move as soon as another Worker has room. At the deadline the rest moves or ends.</p>
${facts(knownOf(worker, nowMs))}
<form method="post" action="/do/drain" class="filters">
${hidden('token', site.sessions.formToken(session))}${hidden('id', id)}
<label for="deadline">Deadline <input id="deadline" name="deadline" value="${formatDuration(limits.drainDeadlineMs)}" autocomplete="off" spellcheck="false"></label>
<label for="reason">Reason <input id="reason" name="reason" maxlength="${limits.drainReasonChars}" autocomplete="off"></label>
<button class="danger">Drain the Worker</button>
<a href="${workerHref(id)}">Leave it as it is</a>
</form>`,
  }
}

function undrainPage(site: PageSite<MasterPageView>, nowMs: number, { worker, session }: Asked): Page {
  const { id, name } = worker
  return {
    title: `Undrain ${name}`,
    main: html`<h1>Let the Worker ${name} take work again?</h1>
<p class="lead">What has been told to leave already still leaves.</p>
${facts(knownOf(worker, nowMs))}
<form method="post" action="/do/undrain" class="actions">
${hidden('token', site.sessions.formToken(session))}${hidden('id', id)}
<button>Let it take work again</button>
<a href="${workerHref(id)}">Leave it drained</a>
</form>`,
  }
}

/** What the form asks for; a text says what is wrong with it. */
function wantedIn(fields: URLSearchParams): WantedDrain | string {
  const reason = (fields.get('reason') ?? '').trim()
  if (reason.length > limits.drainReasonChars || /\p{Cc}/u.test(reason))
    return `The reason must have at most ${limits.drainReasonChars} characters, in one line.`
  try {
    return { deadlineMs: parseDurationMs(fields.get('deadline') ?? '', { what: 'the deadline' }), reason }
  } catch (error) {
    return reasonOf(error)
  }
}

const there = (site: PageSite<MasterPageView>, id: string): WorkerStatus | undefined => {
  const worker = workerOf(site.view, id)
  return isThere(worker) ? worker : undefined
}

export function addDrain(
  routes: Hono,
  site: PageSite<MasterPageView>,
  { drain, onDrained, wallMs }: DrainOptions & { readonly wallMs: () => number },
): void {
  for (const [path, page] of [
    ['/drain', drainPage],
    ['/undrain', undrainPage],
  ] as const) {
    routes.get(path, (context) => {
      const session = site.session(context)
      if (!session) return signInToChange(site, context)
      const lacking = roleAnswer(site, context, session, 'operate')
      if (lacking) return lacking
      const worker = there(site, context.req.query('id') ?? '')
      return worker
        ? site.answer(context, page(site, wallMs(), { worker, session }), { form: true })
        : site.answer(context, gonePage, { status: 404 })
    })
    routes.post(`/do${path}`, async (context) => {
      const change = await changeOf(site.sessions, context)
      if ('refused' in change) return site.answer(context, refusedPage(change.refused), { status: 403 })
      const { session, fields } = change
      const worker = there(site, fields.get('id') ?? '')
      if (!worker) return site.answer(context, gonePage, { status: 404 })
      const wanted = path === '/drain' ? wantedIn(fields) : undefined
      if (typeof wanted === 'string') {
        const again = drainPage(site, wallMs(), { worker, session, why: wanted })
        return site.answer(context, again, { status: 400, form: true })
      }
      const address = addressOf(context)
      try {
        await drain(worker.id, wanted, address, session)
      } catch (error) {
        return notMade(site, context, 'It was not done', error)
      }
      onDrained(worker.id, wanted !== undefined, address, session)
      return new Response(null, { status: 303, headers: { location: workerHref(worker.id) } })
    })
  }
}
