import type { Hono } from 'hono'
import { limits } from '../../../runtime/limits.js'
import { type Html, html, type Part } from '../../../runtime/pages/html.js'
import type { Page } from '../../../runtime/pages/layout.js'
import type { PageSite } from '../../../runtime/pages/page-site.js'
import { facts, notice } from '../../../runtime/pages/parts.js'
import { notMade, refusedPage, roleAnswer, signInToChange } from '../../../runtime/pages/session-pages.js'
import type { Session } from '../../../runtime/pages/sessions.js'
import { addressOf, changeOf } from '../../../runtime/pages/visitors.js'
import { counted, durationText } from '../../../runtime/pages/words.js'
import { applicationHref, driverHref, workerLink } from './links.js'
import { applicationState, driverState, executorState } from './states.js'
import { applicationOf, driverOf, type MasterPageView } from './view.js'

/* Killing an application, an executor or a driver. The page names what it is before it is done. */

/** What is to be killed, as it is now. */
interface Victim {
  readonly kind: string
  readonly name: string
  /** Changes when it is another process than the page named. */
  readonly version: string
  readonly known: readonly (readonly [string, Part])[]
  /** Where it is shown. */
  readonly href: string
}

/** Undefined: there is no such thing, or it has ended. */
function victimOf(view: MasterPageView, id: string): Victim | undefined {
  const [, appId = id, execId] = /^(.+)\/(\d+)$/.exec(id) ?? []
  const app = applicationOf(view, appId)
  if (app && app.endedAtMs === null) {
    const { name } = app.description
    const href = applicationHref(app.id)
    if (execId === undefined)
      return {
        kind: 'application',
        name,
        version: '',
        known: [
          ['State', applicationState(app.state)],
          ['Executors', counted(app.executors.length, 'executor')],
        ],
        href,
      }
    const executor = app.executors.find((one) => one.execId === Number(execId))
    if (!executor) return undefined
    return {
      kind: 'executor',
      name: `${execId} of ${name}`,
      version: '',
      known: [
        ['State', executorState(executor.state)],
        ['Worker', workerLink(view, executor.workerId)],
      ],
      href,
    }
  }
  const driver = driverOf(view, id)
  if (!driver || driver.endedAtMs !== null) return undefined
  return {
    kind: 'driver',
    name: driver.description.name,
    version: String(driver.generation),
    known: [
      ['Generation', driver.generation],
      ['State', driverState(driver.state)],
      ['Worker', driver.worker !== null && workerLink(view, driver.worker)],
      ['Process', driver.pid !== undefined && `pid ${driver.pid}`],
    ],
    href: driverHref(driver.id),
  }
}

const gonePage: Page = {
  title: 'Not found',
  main: html`<h1>There is nothing to kill</h1><p class="lead">It has ended, or this Master does not know it.</p><p><a class="button" href="/">To the overview</a></p>`,
}

export const hidden = (name: string, value: string): Html =>
  html`<input type="hidden" name="${name}" value="${value}">`

function confirmPage(
  site: PageSite<MasterPageView>,
  session: Session,
  id: string,
  victim: Victim,
  why?: string,
): Page {
  const { kind, name, version, known, href } = victim
  return {
    title: `Kill ${name}`,
    main: html`<h1>Kill the ${kind} ${name}?</h1>
${why !== undefined && notice('busy', why)}
<p class="lead">Its processes get SIGTERM, and SIGKILL after ${durationText(limits.killGraceMs)} if they still run. This cannot be undone.</p>
${facts([['Id', html`<span class="id">${id}</span>`], ...known])}
<form method="post" action="/do/kill" class="actions">
${hidden('token', site.sessions.formToken(session))}${hidden('id', id)}${hidden('version', version)}
<button class="danger">Kill the ${kind}${version === '' ? '' : `, generation ${version}`}</button>
<a href="${href}">Leave it running</a>
</form>`,
  }
}

export interface KillOptions {
  /** Asks the leader, as the command does. Returns its text; rejects with a coded error. */
  readonly kill: (id: string, address: string, session: Session) => Promise<string>
  /** Somebody asked for it, and from where. */
  readonly onKilled: (id: string, address: string, session: Session) => void
}

export function addKill(routes: Hono, site: PageSite<MasterPageView>, { kill, onKilled }: KillOptions): void {
  routes.get('/kill', (context) => {
    const session = site.session(context)
    if (!session) return signInToChange(site, context)
    const lacking = roleAnswer(site, context, session, 'submit')
    if (lacking) return lacking
    const id = context.req.query('id') ?? ''
    const victim = victimOf(site.viewFor(context), id)
    return victim
      ? site.answer(context, confirmPage(site, session, id, victim), { form: true })
      : site.answer(context, gonePage, { status: 404 })
  })
  routes.post('/do/kill', async (context) => {
    const change = await changeOf(site.sessions, context)
    if ('refused' in change) return site.answer(context, refusedPage(change.refused), { status: 403 })
    const { session, fields } = change
    const id = fields.get('id') ?? ''
    const victim = victimOf(site.viewFor(context), id)
    // What exists and is not this session's own is the leader's to refuse, and to write down.
    if (!victim && !victimOf(site.view, id)) return site.answer(context, gonePage, { status: 404 })
    if (victim && victim.version !== fields.get('version')) {
      const why = 'It has been started again since you opened this page. Nothing was killed.'
      return site.answer(context, confirmPage(site, session, id, victim, why), { status: 409, form: true })
    }
    try {
      await kill(id, addressOf(context), session)
    } catch (error) {
      return notMade(site, context, 'It was not killed', error)
    }
    onKilled(id, addressOf(context), session)
    return new Response(null, { status: 303, headers: { location: victim?.href ?? '/' } })
  })
}
