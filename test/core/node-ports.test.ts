import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handedPorts } from '../../runtime/launch/node/node-ports.js'
import type { NodeSpec } from '../../runtime/launch/node/node-spec.js'

/* Which node has the port that another one gets. */

const specs = (nodes: Readonly<Record<string, Partial<NodeSpec>>>) =>
  new Map(
    Object.entries(nodes).map(([name, spec]) => [
      name,
      { role: 'worker', host: '127.0.0.1', port: 0, web: false, rest: null, ...spec } as NodeSpec,
    ]),
  )

test('ports of actors, HTTP and the JSON entry are one space on one host', () => {
  const running = specs({ w1: { port: 1, web: 2 }, m1: { role: 'master', port: 3, web: 4, rest: 5 } })
  const handed = (next: Partial<NodeSpec>) => handedPorts('x', running, specs({ x: next }))
  assert.deepEqual(handed({ port: 1 }), [{ node: 'w1', port: 1 }])
  assert.deepEqual(handed({ port: 9, web: 5 }), [{ node: 'm1', port: 5 }])
  assert.deepEqual(handed({ port: 2, web: 3 }), [
    { node: 'w1', port: 2 },
    { node: 'm1', port: 3 },
  ])
  assert.deepEqual(handed({ port: 0, web: false }), [])
  assert.deepEqual(handed({ host: '127.0.0.2', port: 1 }), [], 'another address')
  assert.deepEqual(handed({ host: '0.0.0.0', port: 1 }), [{ node: 'w1', port: 1 }], 'all addresses')
  assert.deepEqual(handed({ port: 9, web: 4, webHost: '127.0.0.2' }), [])
})

test('a node that keeps its port, or goes, gets none', () => {
  const running = specs({ w1: { port: 1, web: 2 } })
  assert.deepEqual(handedPorts('w1', running, specs({ w1: { port: 2, web: 1 } })), [], 'its own')
  assert.deepEqual(handedPorts('w1', running, specs({})), [])
})
