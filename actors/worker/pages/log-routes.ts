import type { Context, Hono } from 'hono'
import { refusal } from '../../../runtime/http/refusal.js'
import { mayTakeLong } from '../../../runtime/http/slow-answer.js'
import { innerLimits } from '../../../runtime/inner-limits.js'
import { limits } from '../../../runtime/limits.js'
import type { MakePage } from '../../../runtime/pages/page-set.js'
import type { AnswersPages } from '../../../runtime/pages/page-site.js'
import { NotPlain } from '../../../runtime/process/plain-file.js'
import { type FindLog, isOutputName } from '../logs/kept-log.js'
import { LogDownloads } from '../logs/log-download.js'
import { outputOf, stretchOf } from './log-address.js'
import { logPage, noLogPage, searchPage, soughtIn, unreadableLogPage } from './log-page.js'
import type { WorkerPageView } from './view.js'

/* The outputs of what runs on a Worker, over HTTP. */

/** A program may put something else in the place of its output. */
const NOT_PLAIN = 'In its place is something that is no plain file, so it is not shown.'

export const logPageOf: MakePage<WorkerPageView> = ({ view, params, query, nowMs }) => {
  const id = params.id ?? ''
  const log = view.findLog(id, outputOf(query))
  if (!log) return noLogPage(id)
  try {
    return logPage({ log, query, nowMs })
  } catch (error) {
    if (error instanceof NotPlain) return unreadableLogPage(id, NOT_PLAIN)
    throw error
  }
}

export interface LogRoutesOptions {
  readonly find: FindLog
  readonly wallMs: () => number
}

/** To be added before the pages: an address with a search is answered here, for one reader. */
export function addLogs(routes: Hono, site: AnswersPages, { find, wallMs }: LogRoutesOptions): void {
  const downloads = new LogDownloads()
  let searches = 0
  routes.get('/logs/:id', async (context, next) => {
    const query = new URL(context.req.url).searchParams
    if (soughtIn(query) === '') return next()
    const id = context.req.param('id')
    const log = find(id, outputOf(query))
    if (!log) return next()
    if (searches >= innerLimits.logSearches) return busy(context, 'Other searches run on this Worker.')
    searches++
    try {
      return site.answer(context, await searchPage({ log, query, nowMs: wallMs() }))
    } catch (error) {
      if (!(error instanceof NotPlain)) throw error
      return site.answer(context, unreadableLogPage(id, NOT_PLAIN))
    } finally {
      searches--
    }
  })
  routes.get('/logs/:id/:output', (context) => {
    const { id, output } = context.req.param()
    const query = new URL(context.req.url).searchParams
    const log = isOutputName(output) ? find(id, output) : undefined
    const within = log && stretchOf(log, query)
    if (!log || !within) return context.json(refusal('HTTP_NOT_FOUND', 'There is no such output here.'), 404)
    try {
      // What is no file of ours is refused before an answer begins.
      log.read(within.start, 1)
    } catch (error) {
      if (!(error instanceof NotPlain)) throw error
      return context.json(refusal('HTTP_REFUSED', NOT_PLAIN), 403)
    }
    const session = site.session(context)
    // Without a statement which bytes the client has, a range of another output could be added to them.
    const isConditional = context.req.header('if-range') !== undefined
    const answer = downloads.answer({
      log,
      within,
      range: isConditional ? undefined : context.req.header('range'),
      isHead: context.req.method === 'HEAD',
      saveAs: query.has('download') ? fileName(id, output) : undefined,
      isOver: () => session !== undefined && site.sessions.hasEnded(session),
    })
    if (!answer) return busy(context, `${limits.logDownloads} logs are being downloaded from this Worker.`)
    mayTakeLong(context, limits.logDownloadMs)
    return answer
  })
}

const fileName = (id: string, output: string): string => `${id.replace(/[^A-Za-z0-9-]/g, '-')}-${output}.log`

function busy(context: Context, why: string): Response {
  context.header('retry-after', String(limits.httpRetryAfterSeconds))
  return context.json(refusal('HTTP_BUSY', `${why} Try again soon.`), 503)
}
