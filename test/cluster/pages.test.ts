import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { createTestCluster, type RedisServer, startRedis, type TestCluster } from '../harness/index.js'
import { probe } from '../harness/probe.js'
import { launchBrowser, openPage, type WatchedPage } from '../tools/browser.js'

/* The pages of a real cluster, in a real browser: one cluster of two Masters for all tests of this file. */

let redis: RedisServer
let cluster: TestCluster
let browser: Browser

before(async () => {
  redis = await startRedis()
  cluster = await createTestCluster({ masters: 2, workers: 1, cores: 8, redis: redis.url })
  browser = await launchBrowser()
})
after(async () => {
  await browser?.close()
  await cluster?.stop()
  await redis?.stop()
})

const origins = (): string[] => cluster.nodes.map(({ web }) => new URL(web as string).origin)

/** A page that `firesteel ui` has signed in. */
async function signedIn(): Promise<WatchedPage> {
  const { code, stdout, stderr } = await cluster.cli(['ui', '--json'])
  assert.equal(code, 0, stderr)
  const { url } = JSON.parse(stdout) as { url: string }
  const watched = await openPage(browser, origins())
  await watched.page.goto(url)
  await watched.page.getByText('You are signed in for').waitFor()
  return watched
}

async function submit(name: string): Promise<string> {
  const main = join(cluster.directory, `${name}.mjs`)
  await writeFile(main, 'setInterval(() => undefined, 1000)\n')
  const { stdout, stderr } = await cluster.cli(['submit', '--json', '--memory', '64m', '--name', name, main])
  assert.notEqual(stdout, '', stderr)
  return (JSON.parse(stdout) as { id: string }).id
}

test('an open page shows a driver that is submitted, and kills it', async () => {
  await cluster.waitAlive({ standbys: 1 })
  await using watched = await signedIn()
  const { page, problems } = watched
  await page.getByText('No driver has been submitted yet.').waitFor()
  const id = await submit('short-lived')
  await page.getByRole('link', { name: 'short-lived' }).click()
  await page.getByText('RUNNING').waitFor()
  await page.getByText(/^launched as generation 1 on w1-/).waitFor()
  await page.getByRole('link', { name: 'Kill…' }).click()
  await page.getByRole('heading', { name: 'Kill the driver short-lived?' }).waitFor()
  await page.getByRole('button', { name: 'Kill the driver, generation 1' }).click()
  await page.waitForURL(`**/drivers/${id}`)
  await page.locator('dd', { hasText: 'KILLED' }).waitFor()
  assert.deepEqual(problems, [])
  const { drivers } = await cluster.status()
  assert.equal(drivers.find((driver) => driver.id === id)?.state, 'KILLED')
})

test('a Worker shows what it runs, and a session goes there from a Master', async () => {
  await using watched = await signedIn()
  const { page, problems } = watched
  const id = await submit('seen-on-its-worker')
  await page
    .getByRole('link', { name: /^Workers/ })
    .first()
    .click()
  await page.getByRole('link', { name: 'w1', exact: true }).click()
  await page.getByRole('link', { name: id, exact: true }).waitFor()
  const { web } = cluster.node('w1')
  await page.getByRole('link', { name: web as string }).click()
  await page.waitForURL(`${web}/`)
  await page.getByRole('link', { name: id, exact: true }).waitFor()
  await page.getByText('You are signed in for').waitFor()
  assert.deepEqual(problems, [])
})

test('the page of a driver leads to its log, which is followed, and a session goes there', async () => {
  const main = join(cluster.directory, 'talker.mjs')
  await writeFile(main, "let n = 0\nsetInterval(() => console.log('said <b>' + n++), 200)\n")
  const { stdout } = await cluster.cli(['submit', '--json', '--memory', '64m', '--name', 'talker', main])
  const { id } = JSON.parse(stdout) as { id: string }
  await using watched = await signedIn()
  const { page, problems } = watched
  await page.goto(`${(await cluster.waitAlive()).web}/drivers/${id}`)
  await page.getByRole('link', { name: 'Read, search or download it' }).click()
  const { web } = cluster.node('w1')
  await page.waitForURL(`${web}/logs/${id}`)
  await page.getByText('You are signed in for').waitFor()
  await page.getByText('said <b>0', { exact: true }).waitFor()
  await page.getByText('said <b>15', { exact: true }).waitFor()
  await page.getByRole('searchbox').fill('SAID <b>15')
  await page.getByRole('button', { name: 'Search' }).click()
  await page.locator('mark', { hasText: 'said <b>15' }).first().waitFor()
  const tail = await fetch(`${web}/logs/${id}/stdout`, { headers: { range: 'bytes=0-8' } })
  assert.deepEqual([tail.status, await tail.text()], [206, 'said <b>0'])
  assert.deepEqual(problems, [])
  await cluster.cli(['kill', id])
})

test('the messages of a Master appear as they are said, and lead to the picture of a trace', async () => {
  await using watched = await signedIn()
  const { page, problems } = watched
  await page.goto(`${new URL(page.url()).origin}/messages?message=driver`)
  const id = await submit('talked-about')
  const launched = page.locator('tr', { hasText: 'LaunchDriver' }).first()
  await launched.waitFor()
  await launched.getByRole('link').click()
  await page.getByRole('heading', { name: /^Trace \d+$/ }).waitFor()
  const picture = page.locator('svg.sequence')
  for (const step of ['RequestSubmitDriver', 'Committed', 'LaunchDriver', 'DriverProgressed'])
    await picture.locator('text', { hasText: step }).first().waitFor()
  // What readers share may be a second old, so its own page may not be there yet.
  await page.goto(`${new URL(page.url()).origin}/drivers`)
  await page.getByRole('link', { name: 'talked-about' }).click()
  await page.waitForURL(`**/drivers/${id}`)
  await page.getByText('RUNNING').waitFor()
  assert.deepEqual(problems, [])
})

/** The newest leadership of a Master in the history. */
const leadershipOf = (page: Page, address: string) =>
  page
    .getByRole('table', { name: /^Leaderships/ })
    .locator('tr', { hasText: address.replace('firesteel://', '') })
    .first()

test('a STANDBY says who leads and leads there; one that others stand in for is followed', async () => {
  const leader = await cluster.waitAlive({ standbys: 1 })
  const standby = cluster.nodes.find(({ role, name }) => role === 'master' && name !== leader.name)!
  await using watched = await signedIn()
  const { page, problems } = watched
  await page.goto(`${standby.web}/drivers`)
  await page.getByText(`${leader.address} leads.`).waitFor()
  await leadershipOf(page, leader.address).getByText('LEADS').waitFor()
  await page.getByRole('link', { name: 'Go to the leader' }).click()
  await page.waitForURL(`${leader.web}/`)
  await page.getByText('You are signed in for').waitFor()
  await page
    .getByRole('link', { name: /^Drivers/ })
    .first()
    .click()
  await page.waitForURL(`${leader.web}/drivers`)
  assert.deepEqual(problems, [])

  // An application tells the next leader of its tasks, all of them, and since when that one knows.
  await using app = await cluster.connect({ executors: 1, executor: { memory: '128m' } })
  const { nap } = app.tasks<typeof import('./page-tasks.js')>(new URL('./page-tasks.js', import.meta.url))
  await Promise.all([nap(1), nap(1), nap(1)])
  await using ofTasks = await signedIn()
  await ofTasks.page.goto(`${leader.web}/applications/${app.id}`)
  const done = ofTasks.page.locator('dt', { hasText: 'Done' }).locator('xpath=following-sibling::dd')
  await done.filter({ hasText: /^3$/ }).waitFor()
  await nap(1)
  await done.filter({ hasText: /^4$/ }).waitFor()
  await ofTasks.page.getByRole('img', { name: /^How long tasks took: / }).waitFor()

  await cluster.kill(leader)
  await page.waitForURL(`${standby.web}/drivers`, { timeout: 30_000 })
  await page.getByRole('heading', { name: 'Drivers' }).waitFor()
  await ofTasks.page.waitForURL(`${standby.web}/applications/${app.id}`, { timeout: 30_000 })
  await done.filter({ hasText: /^4$/ }).waitFor()
  await nap(1)
  await done.filter({ hasText: /^5$/ }).waitFor()
  await page.getByText('You are signed in for').waitFor()
  await page.goto(`${standby.web}/`)
  await leadershipOf(page, standby.address).getByText('LEADS').waitFor()
  await page.getByText(/^its link closed: .* later the next was elected$/).waitFor()
  await page.getByRole('img', { name: /^Leaderships over time: / }).waitFor()
  const told = (await (await fetch(`${standby.web}/json/firesteel`)).json()) as {
    firesteel: { leaderships: { leader: string; end: string | null }[] }
  }
  assert.deepEqual(
    told.firesteel.leaderships.slice(-2).map(({ leader: address, end }) => [address, end]),
    [
      [leader.address, 'closed'],
      [standby.address, null],
    ],
  )
  // While nobody listened, the browser itself said so.
  assert.deepEqual(
    problems.filter(
      (problem) =>
        !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY|status of 503/.test(
          problem,
        ),
    ),
    [],
  )
  await cluster.waitAlive({ standbys: 1 })
})

test('who asks from elsewhere without a session reads nothing, but what monitors read', async () => {
  const { web } = await cluster.waitAlive()
  const forwarded = { 'x-forwarded-for': '10.1.1.1' }
  for (const path of ['/', '/json/', '/live?of=/', '/settings'])
    assert.equal((await probe(`${web}${path}`, 5000, forwarded)).status, 401, path)
  for (const path of ['/healthz', '/readyz', '/leader', '/metrics'])
    assert.equal((await probe(`${web}${path}`, 5000, forwarded)).status, 200, path)
})
