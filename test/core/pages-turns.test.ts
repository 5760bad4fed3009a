import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Hono } from 'hono'
import { html } from '../../runtime/pages/html.js'
import { PageSet } from '../../runtime/pages/page-set.js'
import { PageSite } from '../../runtime/pages/page-site.js'
import { sampleSessions } from '../tools/page-views.js'

test('view, page and document of a reader have a turn each, and other work comes between', async () => {
  const order: string[] = []
  const done = (what: string): void => {
    order.push(what)
    setImmediate(() => order.push('others'))
  }
  const page = { title: 'T', main: html`<p>here</p>` }
  const pages = new PageSet<object>({
    take: () => {
      done('view')
      return {}
    },
    frame: () => ({ cluster: 'c', node: 'Master m1', navigation: [], foot: '' }),
    wallMs: () => 0,
    missing: () => page,
  }).add('/', () => {
    done('page')
    return page
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
  assert.match(await answer.text(), /here/)
  assert.deepEqual(order, ['view', 'others', 'page', 'others', 'document'])
})
