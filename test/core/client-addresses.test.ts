import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatHostPort,
  formatMasterAddresses,
  isLoopback,
  parseActorAddress,
  parseMasterAddresses,
} from '../../runtime/addresses.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { formatMemory, parseDurationMs, parseMemoryMib } from '../../runtime/units.js'

const addresses: [string, string][] = [
  ['firesteel://127.0.0.1:7070', '127.0.0.1:7070'],
  ['firesteel://m1.example:1', 'm1.example:1'],
  ['firesteel://host', 'host:7070'],
  ['firesteel://a:1,b:2', 'a:1 b:2'],
  ['firesteel://a:1, b:2/', 'a:1 b:2'],
  ['firesteel://a:1,a:1', 'a:1'],
  ['firesteel://[::1]:7070', '[::1]:7070'],
  ['firesteel://[fe80::1%eth0]:7070,[::1]', '[fe80::1%eth0]:7070 [::1]:7070'],
]
for (const [text, expected] of addresses) {
  test(`address ${text}`, () => {
    const parsed = parseMasterAddresses(text)
    assert.equal(parsed.map(formatHostPort).join(' '), expected)
    assert.deepEqual(parseMasterAddresses(formatMasterAddresses(parsed)), parsed)
  })
}

const notAddresses = [
  '',
  'a:1',
  'spark://a:7077',
  'firesteel://',
  'firesteel://a:1,,b:2',
  'firesteel://a:0',
  'firesteel://a:65536',
  'firesteel://a:x',
  'firesteel://::1:7070',
  'firesteel://a b:1',
  'firesteel://a:1/user/Master',
  `firesteel://${'a'.repeat(300)}:1`,
]
for (const text of notAddresses) {
  test(`no address: ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.throws(
      () => parseMasterAddresses(text),
      (error) => isFiresteelError(error, 'ADDRESS_INVALID') && error.exitCode === 2,
    )
  })
}

test('an actor address is exactly one', () => {
  assert.deepEqual(parseActorAddress('firesteel://a:1'), { host: 'a', port: 1 })
  assert.throws(() => parseActorAddress('firesteel://a:1,b:2'), { code: 'FIRESTEEL_ADDRESS_INVALID' })
})

test('loopback', () => {
  for (const host of ['127.0.0.1', '127.9.8.7', '::1', 'localhost', 'x.localhost', '::ffff:127.0.0.1']) {
    assert.equal(isLoopback(host), true, host)
  }
  for (const host of ['10.0.0.1', '::', '0.0.0.0', 'localhost.example', '127.example']) {
    assert.equal(isLoopback(host), false, host)
  }
})

const durations: [string | number, number][] = [
  ['250ms', 250],
  ['2.5s', 2500],
  ['1m', 60_000],
  [' 2 h ', 7_200_000],
  ['0s', 0],
  [1500, 1500],
]
for (const [text, ms] of durations) {
  test(`duration ${text}`, () => assert.equal(parseDurationMs(text, { what: 'lease' }), ms))
}
for (const text of ['', '5', '1w', '-1s', '1s1s', 'ms', Number.NaN, -1, '1000d', 2 ** 40]) {
  test(`no duration: ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseDurationMs(text, { what: 'recovery.lease', code: 'CONFIG_INVALID' }),
      (error) => isFiresteelError(error, 'CONFIG_INVALID') && /^recovery\.lease is /.test(error.message),
    )
  })
}

const memories: [string | number, number][] = [
  ['512m', 512],
  ['4g', 4096],
  ['1.5g', 1536],
  ['1T', 1_048_576],
  ['100k', 1],
  ['2GiB', 2048],
  [768, 768],
]
for (const [text, mib] of memories) {
  test(`memory ${text}`, () => assert.equal(parseMemoryMib(text, { what: 'memory' }), mib))
}
for (const text of ['', '512', '0m', '-1g', '4x', 'g', 0, Number.POSITIVE_INFINITY]) {
  test(`no memory: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseMemoryMib(text, { what: 'memory' }), { code: 'FIRESTEEL_USAGE' })
  })
}

test('the form in which memory is shown is read back', () => {
  for (const mib of [1, 512, 4096, 1536]) assert.equal(parseMemoryMib(formatMemory(mib), { what: 'm' }), mib)
})
