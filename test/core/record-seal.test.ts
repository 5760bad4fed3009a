import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecordSeal } from '../../runtime/persistence/redis/record-seal.js'

const SECRET = 'a secret of the tests only, 32 bytes'
const seal = new RecordSeal(SECRET, 'c')

const texts = ['{}', '{"id":"a"}', '{"a":"\\"seal\\":\\"x"}', `{"name":"${'ü'.repeat(300)}","n":1}`]
const ids = ['a', '', 'with "quotes"', 'driver-1\u0000x', 'π', '\ud800']

test('what was sealed opens as it was, for its table and id only', () => {
  for (const json of texts)
    for (const id of ids) {
      const stored = Buffer.from(seal.seal('driver', id, json))
      assert.equal(seal.open('driver', id, stored), json)
      assert.equal(seal.open('app', id, stored), undefined)
      assert.equal(seal.open('driver', `${id}x`, stored), undefined)
    }
})

test('a sealed record is still one JSON object with all its fields', () => {
  assert.deepEqual(Object.keys(JSON.parse(seal.seal('driver', 'a', '{"id":"a","n":1}'))), ['id', 'n', 'seal'])
  assert.deepEqual(Object.keys(JSON.parse(seal.seal('driver', 'a', '{}'))), ['seal'])
})

test('another secret or another cluster opens nothing, and has another key id', () => {
  const stored = Buffer.from(seal.seal('driver', 'a', '{"id":"a"}'))
  for (const other of [new RecordSeal(`${SECRET}!`, 'c'), new RecordSeal(SECRET, 'd')]) {
    assert.equal(other.open('driver', 'a', stored), undefined)
    assert.notEqual(other.keyId, seal.keyId)
  }
  assert.equal(new RecordSeal(SECRET, 'c').keyId, seal.keyId)
  assert.match(seal.keyId, /^[0-9a-f]{16}$/)
})

test('a record that differs in any one byte does not open', () => {
  const stored = Buffer.from(seal.seal('driver', 'a', '{"id":"a","state":"KILLED"}'))
  for (let at = 0; at < stored.length; at++) {
    for (const bit of [1, 0x20]) {
      const altered = Buffer.from(stored)
      altered[at] = altered[at]! ^ bit
      assert.equal(seal.open('driver', 'a', altered), undefined, `byte ${at}: ${altered}`)
    }
  }
})

test('what has no seal, half of one, or two, does not open', () => {
  const stored = seal.seal('driver', 'a', '{"id":"a"}')
  const twice = seal.seal('driver', 'a', stored)
  for (const text of ['', '{}', '{"id":"a"}', '{"seal":""}', stored.slice(1), `${stored} `, `[${stored}]`])
    assert.equal(seal.open('driver', 'a', Buffer.from(text)), undefined, text)
  assert.equal(seal.open('driver', 'a', Buffer.from(twice)), stored)
  const planted = stored.replace('"id":"a"', '"id":"a","seal":"x"')
  assert.equal(seal.open('driver', 'a', Buffer.from(planted)), undefined)
})
