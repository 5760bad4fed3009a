import { mkdir } from 'node:fs/promises'
import type { BrowserContextOptions } from 'playwright-core'
import { createHttpServer } from '../../runtime/http/server.js'
import { launchBrowser, openPage } from './browser.js'
import { samplePages, sampleState, sampleView } from './page-views.js'

/* `npm run pictures`: the pictures of the pages in docs/pictures, of a sample and not of a cluster. */

const FOLDER = 'docs/pictures'
const nowMs = Date.now()
const state = sampleState({ nowMs, web: 'http://10.0.0.1:8080' })

const desktop = { viewport: { width: 1180, height: 780 } }
const phone = {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 1.5,
  isMobile: true,
  hasTouch: true,
}

const pictures: readonly (readonly [name: string, path: string, look: BrowserContextOptions])[] = [
  ['overview', '/', { ...desktop, colorScheme: 'light' }],
  ['driver', `/drivers/${state.activeDrivers[2]?.id}`, { ...desktop, colorScheme: 'dark' }],
  ['phone', '/', { ...phone, colorScheme: 'light' }],
]

const routes = samplePages({ take: () => sampleView({ nowMs }, state), wallMs: () => nowMs })
const server = await createHttpServer({ host: '127.0.0.1', port: 0, routes: () => routes })
const browser = await launchBrowser()
await mkdir(FOLDER, { recursive: true })
const origin = `http://127.0.0.1:${server.port}`
for (const [name, path, look] of pictures) {
  const watched = await openPage(browser, [origin], look)
  await watched.page.goto(origin + path)
  await watched.page.screenshot({ path: `${FOLDER}/${name}.png` })
  await watched[Symbol.asyncDispose]()
}
await browser.close()
await server.close()
