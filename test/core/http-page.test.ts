import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { JsonPage } from '../../runtime/http/json-page.js'
import { JsonRows, writeJson } from '../../runtime/http/json-text.js'
import { limits } from '../../runtime/limits.js'

const rows = Array.from({ length: 10_000 }, (_, n) => ({ n, text: 'x'.repeat(100) }))
const row = (value: (typeof rows)[number]) => value

test('a page is made once for all who ask at once, and again only when it is older than it may be', async () => {
  let made = 0
  let nowMs = 0
  // Each look at the clock costs a little, as work does.
  const clock = (): number => {
    nowMs += 0.001
    return nowMs
  }
  const page = new JsonPage(() => {
    made++
    return [['rows', new JsonRows(rows, row)]]
  }, clock)
  await Promise.all([page.answer(), page.answer('rows'), page.answer()])
  assert.equal(made, 1)
  await page.answer()
  assert.equal(made, 1, 'what it has cost is not spent again so soon')
  nowMs += limits.httpPageMaxAgeMs
  await page.answer()
  assert.equal(made, 2)
})

test('a page is written in slices, between which others have their turn', async () => {
  let turns = 0
  let isDone = false
  const count = async (): Promise<void> => {
    while (!isDone) {
      await nextTurn()
      turns++
    }
  }
  void count()
  // Each look at the clock is one row later: a slice ends after so many.
  let nowMs = 0
  const clock = (): number => {
    nowMs += 0.1
    return nowMs
  }
  const { text, costMs } = await writeJson([['rows', new JsonRows(rows, row)]], clock)
  isDone = true
  assert.ok(turns >= (rows.length * 0.1) / limits.httpSliceMs / 2, `${turns} turns`)
  assert.ok(costMs > 0)
  const whole = JSON.parse(Buffer.concat(text.pieces()).toString()) as unknown
  assert.deepEqual(whole, { rows })
})

test('who reads so slowly that too many old pages would be kept loses his answer; who reads the newest does not', async () => {
  const bytes = JSON.stringify(rows).length
  let nowMs = 0
  const page = new JsonPage(
    () => [['rows', new JsonRows(rows, row)]],
    () => nowMs,
    1.5 * bytes,
  )
  const slow = (await page.answer()).body!.getReader()
  await slow.read()
  nowMs += limits.httpPageMaxAgeMs
  const newest = await page.answer()
  await assert.rejects(async () => {
    for (;;) if ((await slow.read()).done) return
  }, /too slowly/)
  assert.deepEqual(await newest.json(), { rows })
})

test('what throws while a page is made reaches who asked, and the next one is made', async () => {
  let fails = true
  const page = new JsonPage(() => {
    if (fails) throw new Error('not yet')
    return [['a', 1]]
  })
  await assert.rejects(page.answer(), /not yet/)
  fails = false
  assert.equal(await (await page.answer()).text(), '{"a":1}')
})
