import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Hono } from 'hono'
import { Hono as Routes } from 'hono'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import type { MasterPageView } from '../../actors/master/pages/view.js'
import { workerPages } from '../../actors/worker/pages/routes.js'
import { createHttpServer, type HttpServer } from '../../runtime/http/server.js'
import type { Sessions } from '../../runtime/pages/sessions.js'
import { newestMessages } from '../../runtime/trace/newest-messages.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import {
  accessibilityProblems,
  attackedBy,
  focusedIn,
  launchBrowser,
  openPage,
  type WatchedPage,
  widthsOf,
} from '../tools/browser.js'
import { attacks } from '../tools/page-attacks.js'
import {
  emptyState,
  type SampleOptions,
  samplePages,
  sampleSessions,
  sampleState,
  sampleView,
  sampleWorkerView,
  standbyState,
} from '../tools/page-views.js'
import { sampleLog } from '../tools/sample-log.js'
import { envelopeOf } from '../tools/trace-fixture.js'

/* The pages in a real browser, over the HTTP server of a node, without a cluster. */

let browser: Browser
const servers: HttpServer[] = []

before(async () => {
  browser = await launchBrowser()
})
after(async () => {
  await browser.close()
  await Promise.all(servers.map((server) => server.close()))
})

interface Site {
  readonly origin: string
  readonly sessions: Sessions
  readonly killed: string[]
}

async function serve(routes: (sessions: Sessions, killed: string[]) => Hono): Promise<Site> {
  const killed: string[] = []
  let made: { sessions: Sessions; app: Hono } | undefined
  const server: HttpServer = await createHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes: () => made!.app,
    onError: (error) => {
      throw error
    },
  })
  servers.push(server)
  const origin = `http://127.0.0.1:${server.port}`
  const sessions = sampleSessions(Date.now, origin)
  made = { sessions, app: routes(sessions, killed) }
  return { origin, sessions, killed }
}

const master = (take: () => MasterPageView): Promise<Site> =>
  serve((sessions, killed) =>
    samplePages({
      take,
      wallMs: Date.now,
      sessions,
      kill: async (id) => {
        killed.push(id)
        return ''
      },
    }),
  )

const options: SampleOptions = { nowMs: Date.now(), web: 'http://127.0.0.1:1', ended: 9 }

/** All kinds of pages, each with its site. */
async function everyPage(): Promise<[site: Site, path: string][]> {
  const state = sampleState(options)
  const full = await master(() => sampleView(options, state))
  const nothing = await master(() => sampleView(options, emptyState(options)))
  const standby = await master(() => sampleView(options, standbyState(options, 'firesteel://10.0.0.2:7070')))
  const worker = await serve((sessions) =>
    workerPages({
      take: () => sampleWorkerView(options, sampleLog(options.nowMs)),
      sessions,
      data: new Routes(),
      wallMs: Date.now,
      onSession: () => undefined,
      ownsOutput: async () => false,
      onError: assert.ifError,
    }),
  )
  return [
    ...[
      '/',
      '/workers',
      `/workers/${state.workers[1]!.id}`,
      '/applications',
      `/applications/${state.activeApps[2]!.id}`,
      '/drivers',
      `/drivers/${state.activeDrivers[2]!.id}`,
      '/settings',
      '/failover',
      '/messages',
      '/messages?show=all&actor=worker',
      '/messages/4711',
      '/topology',
      '/session',
      `/kill?id=${state.activeDrivers[2]!.id}`,
      '/nothing',
    ].map((path): [Site, string] => [full, path]),
    [nothing, '/'],
    [standby, '/'],
    [worker, '/'],
    [worker, '/logs/driver-1'],
    [worker, '/logs/driver-1?output=stderr'],
    [worker, '/logs/driver-1?q=503&wrap=no'],
  ]
}

async function signIn({ page }: WatchedPage, { origin, sessions }: Site): Promise<void> {
  await page.goto(`${origin}/session?ticket=${encodeURIComponent(sessions.ticket(origin))}`)
  await page.waitForURL(`${origin}/`)
}

/** A page that is not there, or that is refused, is an error on the console of the browser itself. */
const unexpected = (problems: readonly string[]): string[] =>
  problems.filter((problem) => !/status of 40[134]/.test(problem))

const looks: readonly (readonly [what: string, look: BrowserContextOptions])[] = [
  ['on a desktop, light', { colorScheme: 'light' }],
  [
    'on a phone, dark',
    { colorScheme: 'dark', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  ],
]

for (const [what, look] of looks)
  test(`${what}: every page is fit to read, asks nobody else, and says no error`, async () => {
    const pages = await everyPage()
    const watched = await openPage(browser, [...new Set(pages.map(([{ origin }]) => origin))], look)
    await using _ = watched
    const { page, problems } = watched
    for (const [site, path] of pages) {
      if (path.startsWith('/kill')) await signIn(watched, site)
      await page.goto(site.origin + path)
      assert.deepEqual(await accessibilityProblems(page), [], path)
      const { wide, seen } = await widthsOf(page)
      assert.ok(wide <= seen, `${path} is ${wide} wide, and ${seen} are seen`)
      assert.equal(await page.locator('h1').count(), 1, path)
    }
    assert.deepEqual(unexpected(problems), [])
  })

test('text of strangers stays text, in every field', async () => {
  let next = 0
  const hostile: SampleOptions = { ...options, write: () => attacks[next++ % attacks.length] as string }
  const site = await master(() => sampleView(hostile))
  const watched = await openPage(browser, [site.origin])
  await using _ = watched
  const { page, problems } = watched
  for (let round = 0; round < attacks.length; round += 16) {
    next = round
    for (const path of ['/', '/workers', '/applications', '/drivers', '/settings']) {
      await page.goto(site.origin + path)
      assert.deepEqual(await attackedBy(page), [null, 0, 0], path)
      const link = page.locator('tbody th a').first()
      if ((await link.count()) === 0) continue
      await link.hover()
      await link.click()
      // A click waits at most until the next page begins, which has no element yet.
      await page.waitForURL((url) => url.href !== site.origin + path)
      assert.deepEqual(await attackedBy(page), [null, 0, 0], `behind ${path}`)
    }
  }
  assert.deepEqual(unexpected(problems), [])
})

test('an open page changes with the cluster, and the focus stays where it is', async () => {
  let state = sampleState(options)
  const site = await master(() => sampleView(options, state))
  const watched = await openPage(browser, [site.origin])
  await using _ = watched
  const { page, problems } = watched
  await page.goto(`${site.origin}/drivers`)
  const link = page.getByRole('link', { name: 'price-watcher' })
  await link.focus()
  assert.equal(await page.getByText('RUNNING').count(), 2)
  const [first, ...others] = state.activeDrivers
  state = { ...state, activeDrivers: [{ ...first!, state: 'RUNNING', message: '' }, ...others] }
  await page.getByText('RUNNING').nth(2).waitFor()
  assert.equal((await focusedIn(page)).text, 'price-watcher')
  assert.deepEqual(problems, [])
})

test('messages appear as they are said, until the reader pauses; their filters need no script', async () => {
  const ring = new TraceRing(99)
  const say = (type: string): void => ring.record(envelopeOf({ type }), Date.now())
  say('LaunchDriver')
  const site = await master(() => ({
    ...sampleView(options),
    newestMessages: (search) => newestMessages(ring, search, () => 0),
  }))
  const watched = await openPage(browser, [site.origin])
  await using _ = watched
  const { page, problems } = watched
  await page.goto(`${site.origin}/messages`)
  const types = () => page.locator('tbody th').allTextContents()
  assert.deepEqual(await types(), ['LaunchDriver'])
  await page.getByLabel('Actor').fill('a half-typed')
  say('DriverStateChanged')
  await page.getByText('DriverStateChanged').waitFor()
  assert.equal(await page.getByLabel('Actor').inputValue(), 'a half-typed', 'what is being typed stays')
  await page.getByRole('link', { name: 'Pause' }).click()
  await page.getByRole('link', { name: 'Go on with the newest' }).waitFor()
  assert.equal(await page.locator('body[data-stream]').count(), 0)
  assert.deepEqual(problems, [])

  const plain = await openPage(browser, [site.origin], { javaScriptEnabled: false })
  await using __ = plain
  say('Heartbeat')
  await plain.page.goto(`${site.origin}/messages`)
  await plain.page.getByLabel('Message', { exact: true }).fill('launch')
  await plain.page.getByRole('button', { name: 'Filter' }).click()
  await plain.page.waitForURL(/message=launch/)
  assert.deepEqual(await plain.page.locator('tbody th').allTextContents(), ['LaunchDriver'])
  await plain.page.getByRole('link', { name: 'Show all' }).click()
  await plain.page.getByRole('link', { name: 'All', exact: true }).click()
  await plain.page.getByText('Heartbeat', { exact: true }).waitFor()
  assert.deepEqual(plain.problems, [])
})

test('times say how long ago, and exactly when on hover', async () => {
  const site = await master(() => sampleView(options))
  const watched = await openPage(browser, [site.origin])
  await using _ = watched
  const { page } = watched
  await page.goto(`${site.origin}/drivers/driver-20261129010000-7-0000`)
  const time = page.locator('dd time').first()
  assert.match((await time.textContent()) ?? '', /^\d+ (s|min) ago$/)
  assert.match((await time.getAttribute('title')) ?? '', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/)
})

test('the keyboard alone gets everywhere, and shows where it is', async () => {
  const site = await master(() => sampleView(options))
  const watched = await openPage(browser, [site.origin])
  await using _ = watched
  const { page, problems } = watched
  const { keyboard } = page
  await signIn(watched, site)
  await page.goto(`${site.origin}/`)
  const focused = () => focusedIn(page)
  const tabTo = async (text: RegExp): Promise<void> => {
    for (let count = 0; count < 80; count++) {
      await keyboard.press('Tab')
      const { text: at, shown, id } = await focused()
      assert.ok(shown, `the focus on ${at} cannot be seen`)
      if (text.test(at) || text.test(`#${id}`)) return
    }
    assert.fail(`no Tab leads to ${text}`)
  }
  await keyboard.press('Tab')
  assert.equal((await focused()).text, 'To the content')
  await keyboard.press('Enter')
  assert.equal((await focused()).id, 'main')
  await page.goto(`${site.origin}/workers`)
  await tabTo(/^Drivers/)
  await keyboard.press('Enter')
  await page.waitForURL(`${site.origin}/drivers`)
  await tabTo(/^#q$/)
  await keyboard.type('ingest')
  await keyboard.press('Enter')
  await page.waitForURL(`${site.origin}/drivers?q=ingest`)
  await tabTo(/^ingest$/)
  await keyboard.press('Enter')
  await page.waitForURL(/\/drivers\/driver-/)
  await tabTo(/^Kill…$/)
  await keyboard.press('Enter')
  await page.waitForURL(/\/kill\?id=/)
  await tabTo(/^Kill the driver, generation 2$/)
  await keyboard.press('Enter')
  await page.waitForURL(/\/drivers\/driver-/)
  assert.deepEqual(site.killed, ['driver-20261129010000-7-0000'])
  assert.deepEqual(problems, [])
})

test('the picture of the cluster is there for the keyboard: each box has a name and leads somewhere', async () => {
  const state = sampleState({ ...options, workers: 1000 })
  const { origin } = await master(() => sampleView(options, state))
  await using watched = await openPage(browser, [origin])
  const { page, problems } = watched
  await page.goto(`${origin}/topology`)
  assert.deepEqual(await accessibilityProblems(page), [])
  await page
    .locator('svg.topology')
    .getByRole('link', { name: /^Workers, zone=a: / })
    .focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'zone=a' }).waitFor()
  const box = page.locator('svg.topology').getByRole('link', { name: /^Worker w2: ALIVE/ })
  await box.focus()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Shift+Tab')
  assert.match(await page.evaluate("document.activeElement.getAttribute('aria-label')"), /^Worker w2: /)
  assert.equal((await focusedIn(page)).shown, true)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'w2', exact: true }).waitFor()
  assert.deepEqual(problems, [])
})

test('without scripts everything can be read, searched and killed', async () => {
  const site = await master(() => sampleView({ ...options, ended: 120 }))
  const watched = await openPage(browser, [site.origin], { javaScriptEnabled: false })
  await using _ = watched
  const { page, problems } = watched
  await signIn(watched, site)
  await page
    .getByRole('link', { name: /^Applications/ })
    .first()
    .click()
  await page.getByRole('link', { name: 'Next' }).click()
  await page.getByText('51 to 100 of 123').waitFor()
  await page.getByRole('link', { name: /^Active/ }).click()
  await page.getByRole('link', { name: 'word-count' }).click()
  await page.getByRole('link', { name: 'Kill…' }).click()
  await page.getByRole('button', { name: 'Kill the application' }).click()
  await page.getByRole('heading', { name: 'word-count' }).waitFor()
  assert.equal(site.killed.length, 1)
  assert.deepEqual(problems, [])
})
