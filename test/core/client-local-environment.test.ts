import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localEnvironment } from '../../actors/client/local-environment.js'
import { environment } from '../../actors/messages/common.js'

test('work of an embedded cluster has the environment of its caller, and above it what the caller gives', () => {
  const own = {
    PATH: '/bin',
    API_TOKEN: 'mine',
    LEVEL: 'info',
    UNSET: undefined,
    'BASH_FUNC_x%%': '() { :; }',
    NODE_OPTIONS: '--inspect-brk',
    FIRESTEEL_SECRET: 'never',
    FIRESTEEL_MASTER: 'firesteel://a:1',
  }
  const found = localEnvironment(own, { LEVEL: 'debug' })
  assert.deepEqual(found, { PATH: '/bin', API_TOKEN: 'mine', LEVEL: 'debug' })
})

test('an environment that no record can hold loses its largest variables, and a Master takes the rest', () => {
  const own = {
    SMALL: 'kept',
    HUGE: 'x'.repeat(300_000),
    NUL: 'a\0b',
    ...Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`V${index}`, 'y'.repeat(4000)])),
  }
  const found = localEnvironment(own, {})
  assert.equal(found.SMALL, 'kept')
  assert.equal(found.HUGE, undefined)
  assert.ok(Buffer.byteLength(JSON.stringify(found)) < 130_000)
  assert.ok(environment.safeParse(found).success)
})
