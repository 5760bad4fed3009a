import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Hono } from 'hono'
import { applicationPage, applicationsPage } from '../../actors/master/pages/applications.js'
import { driverPage, driversPage } from '../../actors/master/pages/drivers.js'
import { overviewPage } from '../../actors/master/pages/overview.js'
import type { MasterPageView } from '../../actors/master/pages/view.js'
import { workerPage, workersPage } from '../../actors/master/pages/workers.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { html } from '../../runtime/pages/html.js'
import { meantRows } from '../../runtime/pages/list.js'
import { type PageQuery, PageSet } from '../../runtime/pages/page-set.js'
import { PageSite } from '../../runtime/pages/page-site.js'
import { inParts } from '../../runtime/pages/parts.js'
import { sampleSessions, sampleState, sampleView } from '../tools/page-views.js'

test('the view, each part of a page that takes long, and the document have a turn each', async () => {
  let nowMs = 0
  const order: string[] = []
  const done = (what: string): void => {
    order.push(what)
    setImmediate(() => order.push('others'))
  }
  const part = (what: string, tookMs: number) => () => {
    nowMs += tookMs
    done(what)
    return html`<p>${what}</p>`
  }
  const pages = new PageSet<object>({
    take: () => {
      done('view')
      return {}
    },
    frame: () => ({ cluster: 'c', node: 'Master m1', navigation: [], foot: '' }),
    wallMs: () => 0,
    monotonicMs: () => nowMs,
    missing: () => ({ title: 'none', main: html`none` }),
  }).add('/', function* () {
    const main = yield* inParts([
      part('long', limits.httpSliceMs),
      part('short', limits.httpSliceMs / 4),
      part('shorter', limits.httpSliceMs / 5),
      part('longer', 2 * limits.httpSliceMs),
    ])
    return { title: 'T', main }
  })
  const site = new PageSite({
    pages,
    sessions: sampleSessions(),
    masters: () => {
      order.push('document')
      return []
    },
    others: () => [],
    hello: () => ({}),
    wallMs: () => 0,
    onError: (error) => {
      throw error
    },
  })
  const routes = new Hono()
  site.addTo(routes)
  const answer = await routes.request('/')
  assert.match(await answer.text(), /<p>long<.*<p>short<.*<p>shorter<.*<p>longer</s)
  const others = ['others', 'others', 'others']
  const parts = ['long', 'others', 'short', 'shorter', 'longer', ...others]
  assert.deepEqual(order, ['view', 'others', ...parts, 'document'])
})

const queryOf = (view: MasterPageView, query = ''): PageQuery<MasterPageView> => ({
  view,
  params: {},
  query: new URLSearchParams(query),
  nowMs: 0,
})

test('other work may come between any two sections of a page', () => {
  const view = sampleView({ nowMs: 0 })
  const { workers, activeApps, activeDrivers } = view.state
  const sections = (text: string) => text.match(/<section|class="tiles"/g)?.length ?? 0
  for (const [make, id] of [
    [overviewPage, ''],
    [workerPage, workers[0]!.id],
    [applicationPage, activeApps[2]!.id],
    [driverPage, activeDrivers[2]!.id],
  ] as const) {
    const making = make({ ...queryOf(view), params: { id } })
    let yields = 0
    let step = making.next()
    for (; !step.done; step = making.next()) yields++
    const count = sections(String(step.value?.main))
    assert.ok(count > 1 && yields >= count, `${make.name}: ${count} sections, ${yields} turns`)
  }
})

test('a search looks at so many rows at most until other work may come', () => {
  const state = sampleState({ nowMs: 0, workers: 1000, ended: 1000 })
  const completedDrivers = Array.from({ length: 1000 }, () => state.completedDrivers[0]!)
  const view = sampleView({ nowMs: 0 }, { ...state, completedDrivers })
  for (const make of [applicationsPage, driversPage, workersPage]) {
    const steps = [...make(queryOf(view, 'q=nowhere'))].length
    assert.ok(steps >= 1000 / innerLimits.listLooks, `${make.name}: ${steps}`)
  }
  let looks = 0
  const counted = (number: number): boolean => ++looks > 0 && number % 2 === 0
  const making = meantRows([...Array(1000).keys()], counted)
  for (let step = making.next(); ; step = making.next()) {
    assert.ok(looks <= innerLimits.listLooks, `${looks} in one step`)
    looks = 0
    if (step.done) {
      assert.equal(step.value.length, 500)
      break
    }
  }
})
