import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topologyOf, USE } from '../../actors/master/pages/topology-model.js'
import type { MasterPageView } from '../../actors/master/pages/view.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { sampleState, sampleView } from '../tools/page-views.js'

/* What the picture of a cluster shows, and how little of a large one. */

const nowMs = Date.UTC(2026, 10, 29)
const { topologyPlaces, topologyWorks, topologyLabels } = innerLimits

function view(count: number, labelsOf: (at: number) => Record<string, string>): MasterPageView {
  const state = sampleState({ nowMs, workers: count })
  const workers = state.workers.map((worker, at) => ({ ...worker, labels: labelsOf(at) }))
  return sampleView({ nowMs }, { ...state, workers })
}

const everything = { by: null, within: null }

test('Workers are grouped by the label that most of them have, unless another is asked for', () => {
  const cluster = view(100, (at) => ({ ...(at % 2 === 0 && { disk: 'ssd' }), zone: `z${at % 4}` }))
  const { by, labels, places } = topologyOf(cluster, everything)
  assert.deepEqual([by, labels], ['zone', ['zone', 'disk']])
  assert.deepEqual(
    places.map(({ group, workers }) => [group?.title, workers.length]),
    [
      ['zone=z0', 25],
      ['zone=z1', 25],
      ['zone=z2', 25],
      ['zone=z3', 25],
    ],
  )
  const asked = topologyOf(cluster, { by: 'disk', within: null })
  assert.deepEqual(
    asked.places.map(({ group }) => group?.title),
    ['disk=ssd', 'no disk'],
  )
})

test('Workers without labels are grouped by how much of them is in use', () => {
  const { by, places } = topologyOf(
    view(100, () => ({})),
    everything,
  )
  assert.equal(by, USE)
  assert.deepEqual(
    places.map(({ group }) => group?.title),
    ['full', 'gone', 'half or more in use', 'idle', 'less than half in use'],
  )
})

test('however many Workers, groups, labels and works there are, the picture is bounded and leaves none out', () => {
  const cluster = view(3000, (at) => ({ [`label${at % 50}`]: 'x', rack: `r${at}` }))
  const state = {
    ...cluster.state,
    activeApps: cluster.state.workers.slice(0, 500).map(({ id }, at) => ({
      ...cluster.state.activeApps[2]!,
      id: `app-${at}`,
      executors: [{ ...cluster.state.activeApps[2]!.executors[0]!, workerId: id }],
    })),
  }
  for (const within of [null, '', 'r7', 'x']) {
    const { labels, places, works, runs } = topologyOf({ ...cluster, state }, { by: 'rack', within })
    assert.ok(places.length <= topologyPlaces && labels.length <= topologyLabels)
    assert.ok(works.length <= 2 * topologyWorks)
    const count = places.reduce((sum, { workers }) => sum + workers.length, 0)
    assert.equal(count, within === null ? 3000 : within === 'r7' ? 1 : 0)
    for (const { place, work } of runs) assert.ok(places[place] && works[work])
    if (within !== null) continue
    const executors = runs.filter(({ work }) => works[work]?.kind === 'application')
    assert.equal(
      executors.reduce((sum, run) => sum + run.count, 0),
      500,
    )
    assert.ok(works.some(({ title }) => title === '489 other applications'))
  }
})
