import { mkdir } from 'node:fs/promises'
import { Hono } from 'hono'
import type { BrowserContextOptions } from 'playwright-core'
import { workerPages } from '../../actors/worker/pages/routes.js'
import { createHttpServer } from '../../runtime/http/server.js'
import { launchBrowser, openPage } from './browser.js'
import { samplePages, sampleSessions, sampleState, sampleView, sampleWorkerView } from './page-views.js'
import { sampleLog } from './sample-log.js'

/* `npm run pictures`: the pictures of the pages in docs/pictures, of a sample and not of a cluster. */

const FOLDER = 'docs/pictures'
/** Pixels around a section, and the most of it that is shown. */
const MARGIN = 16
const HIGHEST = 1000
const nowMs = Date.now()
const state = sampleState({ nowMs, web: 'http://10.0.0.1:8080' })

const desktop = { viewport: { width: 1180, height: 780 } }
const phone = {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 1.5,
  isMobile: true,
  hasTouch: true,
}

const light = { ...desktop, colorScheme: 'light' } as const
const dark = { ...desktop, colorScheme: 'dark' } as const
const handheld = { ...phone, colorScheme: 'light' } as const
const app = state.activeApps[2]?.id

interface Picture {
  readonly name: string
  readonly path: string
  readonly look: BrowserContextOptions
  /** Only the section with this heading; absent: what a window shows. */
  readonly section?: string
  /** Of a Worker, not of a Master. */
  readonly isWorker?: true
}

const pictures: readonly Picture[] = [
  { name: 'overview', path: '/', look: light },
  { name: 'driver', path: `/drivers/${state.activeDrivers[2]?.id}`, look: dark },
  { name: 'phone', path: '/', look: handheld },
  { name: 'topology', path: '/topology', look: light },
  { name: 'leadership', path: '/', look: light, section: 'Leadership' },
  { name: 'executors', path: `/applications/${app}`, look: dark, section: 'Executors' },
  { name: 'tasks', path: `/applications/${app}`, look: light, section: 'Tasks' },
  { name: 'messages', path: '/messages', look: dark },
  { name: 'log', path: '/logs/driver-1', look: light, isWorker: true },
  {
    name: 'phone-executors',
    path: `/applications/${app}`,
    look: { ...phone, colorScheme: 'dark' },
    section: 'Executors',
  },
]

const wallMs = () => nowMs
const master = samplePages({ take: () => sampleView({ nowMs }, state), wallMs })
const worker = workerPages({
  take: () => sampleWorkerView({ nowMs }, sampleLog(nowMs)),
  sessions: sampleSessions(),
  data: new Hono(),
  wallMs,
  onSession: () => undefined,
  ownsOutput: async () => false,
  onError: (error) => {
    throw error
  },
})
const serve = (routes: Hono) => createHttpServer({ host: '127.0.0.1', port: 0, routes: () => routes })
const servers = { master: await serve(master), worker: await serve(worker) }
const browser = await launchBrowser()
await mkdir(FOLDER, { recursive: true })
for (const { name, path, look, section, isWorker } of pictures) {
  const { port } = isWorker ? servers.worker : servers.master
  const origin = `http://127.0.0.1:${port}`
  const watched = await openPage(browser, [origin], look)
  const { page } = watched
  await page.goto(origin + path)
  const file = { path: `${FOLDER}/${name}.png` }
  if (section === undefined) await page.screenshot(file)
  else {
    const shown = page
      .locator('main > section')
      .filter({ has: page.getByRole('heading', { name: section, exact: true }) })
    const { x, y, width, height } = (await shown.boundingBox())!
    const clip = {
      x: Math.max(0, x - MARGIN),
      y: y - MARGIN,
      width: width + 2 * MARGIN,
      height: Math.min(height + 2 * MARGIN, HIGHEST),
    }
    await page.screenshot({ ...file, fullPage: true, clip })
  }
  await watched[Symbol.asyncDispose]()
}
await browser.close()
await servers.master.close()
await servers.worker.close()
