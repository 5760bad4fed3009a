import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  endedApplicationStatus,
  endedRows,
  endedViews,
  prepareEnded,
} from '../../actors/master/ended-rows.js'
import { NumberedMap } from '../../actors/master/numbered-map.js'
import type { EndedApplication } from '../../actors/master/records.js'

const ended = (id: string): EndedApplication => ({
  kind: 'app',
  id,
  submittedAtMs: 1,
  endedAtMs: 2,
  message: '',
  description: {
    name: id,
    executor: { cores: 1, memoryMib: 64, resources: {} },
    user: 'mira',
  },
  state: 'FINISHED',
  driver: null,
  at: { epoch: 1, seq: 1 },
})

function mapOf(...ids: string[]): NumberedMap<EndedApplication> {
  const map = new NumberedMap<EndedApplication>()
  for (const id of ids) map.set(id, ended(id))
  return map
}

const rows = (map: NumberedMap<EndedApplication>) => endedRows(map, endedApplicationStatus)

test('rows of what has ended are made once, while nothing comes or goes', () => {
  const map = mapOf('a', 'b')
  const first = rows(map)
  assert.equal(rows(map), first)
  assert.equal(endedViews(first.rows), endedViews(rows(map).rows))
  assert.deepEqual(first.numbers, [1, 2])
})

test('one that comes, goes or changes is seen at the next look, and the others keep their rows', () => {
  const map = mapOf('a', 'b')
  const [a, b] = rows(map).rows
  map.set('c', ended('c'))
  assert.deepEqual(
    rows(map).rows.map(({ id }) => id),
    ['a', 'b', 'c'],
  )
  map.delete('a')
  assert.deepEqual(
    rows(map).rows.map(({ id }) => id),
    ['b', 'c'],
  )
  assert.equal(rows(map).rows[0], b)
  assert.notEqual(rows(map).rows[0], a)
  map.set('b', { ...ended('b'), state: 'FAILED' })
  assert.equal(rows(map).rows[0]?.state, 'FAILED')
  map.clear()
  assert.deepEqual(rows(map), { rows: [], numbers: [] })
  map.load([[7, 'd', ended('d')]], 9)
  assert.deepEqual(rows(map).numbers, [7])
})

test('what was prepared is what is shown later', () => {
  const map = mapOf('a')
  for (const record of map.values()) prepareEnded(record)
  const { rows: all } = rows(map)
  assert.deepEqual(endedViews(all), [{ ...all[0], executors: [] }])
  assert.ok(!('kind' in (all[0] as object)) && !('at' in (all[0] as object)))
})
