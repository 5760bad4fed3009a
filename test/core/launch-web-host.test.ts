import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dialedHosts, dialedWebHost } from '../../runtime/launch/config/web-host.js'

/* By which hosts a node is dialled, and which its certificate must have. */

const cases = [
  ['at the address of the actors', { host: 'a', web: 1, advertise: 'a' }, 'a', ['a']],
  ['under another name', { host: 'a', web: 1, advertise: 'n' }, 'n', ['n']],
  ['there, said twice', { host: 'a', web: 1, webHost: 'a', advertise: 'n' }, 'n', ['n']],
  ['apart', { host: 'a', web: 1, webHost: 'b', advertise: 'n' }, 'b', ['n', 'b']],
  ['on all addresses', { host: 'a', web: 1, webHost: '0.0.0.0', advertise: 'n' }, 'n', ['n']],
  ['apart, actors on all', { host: '::', web: 1, webHost: 'b', advertise: '::' }, 'b', ['b']],
  ['off', { host: 'a', web: false, advertise: 'n' }, 'n', ['n']],
] as const

for (const [what, node, pages, hosts] of cases)
  test(`HTTP ${what}`, () => {
    assert.equal(dialedWebHost(node), pages)
    assert.deepEqual(dialedHosts(node), hosts)
  })
