import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '../../runtime/limits.js'
import { html } from '../../runtime/pages/html.js'
import { PageSet } from '../../runtime/pages/page-set.js'
import { SharedView } from '../../runtime/pages/shared-view.js'

const { pageFreshMs, httpPageMaxAgeMs } = limits

/** A clock and a view that takes `costMs` to take. */
function costly(costMs: number) {
  const clock = { nowMs: 1000 }
  let taken = 0
  const take = () => {
    clock.nowMs += costMs
    return ++taken
  }
  return { clock, take, monotonicMs: () => clock.nowMs }
}

test('a costly view is kept for longer', () => {
  const { clock, take, monotonicMs } = costly(1000)
  const shared = new SharedView(take, monotonicMs)
  assert.equal(shared.view, 1)
  clock.nowMs += httpPageMaxAgeMs - 1001
  assert.equal(shared.view, 1)
  clock.nowMs += 1
  assert.equal(shared.view, 2)
})

function* same<T>(view: T): Generator<void, T, undefined> {
  yield
  return view
}

test('a costly view is taken anew when something is missed in it, at most once in pageFreshMs', async () => {
  const { clock, take, monotonicMs } = costly(1000)
  const shared = new SharedView(take, monotonicMs)
  assert.equal(await shared.made('a', same), 1)
  assert.equal(shared.renew(), true)
  assert.equal(await shared.made('a', same), 2)
  clock.nowMs -= 1000
  assert.equal(shared.renew(), false)
  clock.nowMs += pageFreshMs
  assert.equal(shared.renew(), true)
})

test('a page of what came since the last view is found, however old that may be', async () => {
  const { clock, take, monotonicMs } = costly(1000)
  let known = new Set(['old'])
  const pages = new PageSet({
    take: () => ({ taken: take(), known }),
    frame: () => ({ cluster: 'c', node: 'm1', navigation: [], foot: '' }),
    wallMs: () => 0,
    monotonicMs,
    missing: () => ({ title: 'missing', main: html`missing`, status: 404 }),
  }).add('/things/:id', ({ view, params: { id = '' } }) =>
    view.known.has(id) ? { title: id, main: html`${id}` } : undefined,
  )
  assert.equal((await pages.text('/things/new')).status, 404)
  known = new Set(['old', 'new'])
  clock.nowMs += pageFreshMs
  assert.equal((await pages.text('/things/new')).status, 200)
  assert.equal((await pages.text('/things/never')).status, 404)
})
