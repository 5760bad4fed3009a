import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lastFailover } from '../../runtime/launch/cli/commands/report.js'
import { reportPage } from '../../runtime/launch/cli/report-page.js'
import { pathOf } from '../tools/trace-fixture.js'

const message = {
  ...{ atMs: 0, id: 1, trace: 1, parent: undefined, from: pathOf('a:1'), to: pathOf('w:3', 'Worker') },
  ...{ message: 'LaunchDriver', epoch: 2, bytes: 10, tookUs: 5, payload: { token: 'hidden' } },
}
const parts = { title: 'etl', cluster: 'production', madeAtMs: 0, messages: [message], missing: [] }

test('a report is one file: picture, table and reason, and nothing that is loaded', () => {
  const page = reportPage({ ...parts, explanation: 'RUNNING\n  <b> on w1' })
  assert.match(page, /^<!doctype html>/)
  assert.match(page, /default-src 'none'/)
  assert.match(page, /<svg [^>]*class="sequence"/)
  assert.match(page, /<table>/)
  assert.match(page, /<pre>RUNNING\n {2}&lt;b&gt; on w1<\/pre>/)
  assert.doesNotMatch(page, /<script|<link|<img|src=|href=|url\(|@import|token/)
})

test('texts of others stay text, and what is missing is named', () => {
  const evil = '</style><script>alert(1)</script>'
  const missing = [{ process: evil, reason: evil }]
  const page = reportPage({ ...parts, title: evil, cluster: evil, explanation: evil, missing })
  assert.doesNotMatch(page, /<script/)
  assert.equal(page.match(/<\/style>/g)?.length, 1)
  assert.match(page, /<h2>Missing<\/h2>/)
  assert.match(reportPage({ ...parts, messages: [] }), /No process remembers a message about it/)
})

test('a report of the last failover needs one: a first election is none', () => {
  const elected = { ...message, message: 'ElectedLeader', payload: { epoch: 1 } }
  assert.throws(() => lastFailover([elected]), /There was no failover: the first leader .* still leads/)
  assert.throws(() => lastFailover([message]), /No process remembers an election/)
  const second = { ...elected, id: 2, trace: 2, payload: { epoch: 2 } }
  assert.deepEqual(lastFailover([elected, second]), [second])
})
