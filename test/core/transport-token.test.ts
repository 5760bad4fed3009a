import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grant, isGranted } from '../../runtime/transport/grant.js'
import { deriveGrantKey, deriveKey } from '../../runtime/transport/keys.js'
import { seal, unseal } from '../../runtime/transport/sealed.js'
import {
  codeSubjectWith,
  hasEnded,
  isCodeSubject,
  mayAs,
  newTokenId,
  readToken,
  readTokenId,
  roleOf,
  tokenIdOf,
  tokenRoles,
  tokenText,
} from '../../runtime/transport/token.js'
import { ToldTokens } from '../../runtime/transport/told-tokens.js'
import { SECRET } from '../tools/transport-support.js'

const endsAtMs = 1_767_225_600_000
const id = newTokenId('submit', endsAtMs)
const key = deriveKey(SECRET, 'client', id)

test('an id says the role and the end, and its key is that of this id only', () => {
  assert.deepEqual(readTokenId(id), { role: 'submit', endsAtMs })
  assert.deepEqual(readTokenId(newTokenId('admin', undefined)), { role: 'admin', endsAtMs: undefined })
  assert.notEqual(newTokenId('submit', endsAtMs), id)
  // Whoever writes another role or a later end into the id has not its key.
  const forged = id.replace('submit', 'admin')
  assert.notDeepEqual(deriveKey(SECRET, 'client', forged), key)
  assert.notDeepEqual(key, deriveKey(SECRET, 'client'), 'nor is it the key of the secret itself')
})

test('a token has one text: its last character alone makes another token, or none', () => {
  const text = tokenText(id, key)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const read = [...alphabet].map((last) => readToken(text.slice(0, -1) + last)).filter((token) => token)
  assert.equal(read.filter((token) => token?.key.equals(key)).length, 1)
  assert.equal(read.length, 16)
})

test('the text of a token is read again, and nothing else is taken for one', () => {
  const text = tokenText(id, key)
  assert.match(text, /^fst_submit\.[0-9a-z]+\.[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/)
  assert.deepEqual(readToken(text), { id, key })
  const wrong = [
    '',
    'fst_',
    text.slice(0, -1),
    `${text}x`,
    text.replace('submit', 'root'),
    `x${text}`,
    `${text}\n`,
  ]
  for (const given of wrong) assert.equal(readToken(given), undefined, JSON.stringify(given))
  for (const given of ['', 'submit', 'root.0.0123456789abcdef', 'submit.0.0123', `${id}/code`, '__proto__'])
    assert.equal(readTokenId(given), undefined, given)
})

test('a subject names the token, for links of messages and of code; any other is no token', () => {
  assert.equal(tokenIdOf(id), id)
  assert.equal(tokenIdOf(codeSubjectWith(id)), id)
  for (const subject of [undefined, 'code', 'master', 'driver-1/2', 'x/code'])
    assert.equal(tokenIdOf(subject), undefined, subject)
  assert.deepEqual([undefined, id, 'code', codeSubjectWith(id)].map(isCodeSubject), [
    false,
    false,
    true,
    true,
  ])
  assert.deepEqual([roleOf(undefined), roleOf('code'), roleOf(id)], ['admin', 'admin', 'submit'])
})

test('each role may do what the ones before it may', () => {
  const table = tokenRoles.map((role) => tokenRoles.map((needed) => mayAs(role, needed)))
  assert.deepEqual(table, [
    [true, false, false, false],
    [true, true, false, false],
    [true, true, true, false],
    [true, true, true, true],
  ])
})

test('a node refuses a token that has ended, and those that the leader does not name', () => {
  let nowMs = endsAtMs - 1
  const told = new ToldTokens(() => nowMs)
  assert.equal(told.refuses(id), false, 'nothing was told yet')
  assert.equal(told.refuses(undefined), false)
  told.told([])
  assert.deepEqual([told.refuses(id), told.refuses(codeSubjectWith(id))], [true, true])
  assert.equal(told.refuses(undefined), false, 'the secret is no token')
  told.told([id])
  assert.equal(told.refuses(id), false)
  nowMs++
  assert.deepEqual([told.refuses(id), told.hasEnded(id), hasEnded(id, nowMs)], [true, true, true])
  told.told(undefined)
  assert.equal(told.refuses(id), true, 'its end needs nobody to say so')
})

test('what is sealed is read with the same key, for the same thing, unaltered', () => {
  const sealed = seal('fst_text', key, id)
  assert.equal(unseal(sealed, key, id), 'fst_text')
  assert.notEqual(seal('fst_text', key, id), sealed)
  assert.ok(!Buffer.from(sealed, 'base64url').includes('fst_text'))
  const first = sealed[0] === 'A' ? 'B' : 'A'
  for (const [text, with_, about] of [
    [sealed, deriveKey(SECRET, 'client'), id],
    [sealed, key, 'another'],
    [first + sealed.slice(1), key, id],
    [sealed.slice(0, -2), key, id],
    ['', key, id],
  ] as const)
    assert.throws(() => unseal(text, with_, about), { code: 'FIRESTEEL_REQUEST_INVALID' })
})

test('a grant is good for one client, one output, and until its time is over', () => {
  const grantKey = deriveGrantKey(SECRET)
  const given = grant(grantKey, id, 'driver-1', 1000)
  assert.equal(isGranted(grantKey, given, id, 'driver-1', 999), true)
  assert.equal(isGranted(grantKey, given, id, 'driver-1', 1000), false)
  assert.equal(isGranted(grantKey, given, id, 'driver-2', 0), false)
  assert.equal(isGranted(grantKey, given, newTokenId('submit', endsAtMs), 'driver-1', 0), false)
  assert.equal(isGranted(grantKey, { ...given, untilMs: 5000 }, id, 'driver-1', 0), false)
  assert.equal(isGranted(grantKey, { ...given, mac: '' }, id, 'driver-1', 0), false)
  assert.equal(isGranted(grantKey, undefined, id, 'driver-1', 0), false)
  assert.equal(
    isGranted(deriveGrantKey('another secret than that of the tests'), given, id, 'driver-1', 0),
    false,
  )
})
