import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { OneAtATime } from '../../runtime/one-at-a-time.js'

test('works come one after the other, and who gives up leaves without its turn', async () => {
  const queue = new OneAtATime()
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const run = (name: string, signal = new AbortController().signal) =>
    queue.run(signal, () => {
      begun.push(name)
      return new Promise<string>((resolve, reject) => {
        ends.set(name, name === 'fails' ? () => reject(new Error(name)) : () => resolve(name))
      })
    })
  const gone = new AbortController()
  const first = run('first')
  const left = assert.rejects(run('gone', gone.signal), { message: 'it left' })
  const failed = assert.rejects(run('fails'), { message: 'fails' })
  const last = run('last')
  await nextTurn()
  assert.deepEqual(begun, ['first'])
  gone.abort(new Error('it left'))
  await left
  await assert.rejects(run('too late', gone.signal), { message: 'it left' })
  ends.get('first')?.()
  assert.equal(await first, 'first')
  await nextTurn()
  assert.deepEqual(begun, ['first', 'fails'])
  ends.get('fails')?.()
  await failed
  await nextTurn()
  assert.deepEqual(begun, ['first', 'fails', 'last'])
  ends.get('last')?.()
  assert.equal(await last, 'last')
  const next = run('next')
  await nextTurn()
  ends.get('next')?.()
  assert.equal(await next, 'next')
})
