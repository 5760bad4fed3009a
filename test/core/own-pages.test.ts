import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OwnPages, ownView } from '../../actors/master/pages/own-pages.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { newTokenId } from '../../runtime/transport/token.js'
import { sampleState, sampleView } from '../tools/page-views.js'

/* What the pages of a Master show to a token that sees its own work only. */

const nowMs = 1_800_000_000_000
const [mine, other] = [newTokenId('submit', undefined), newTokenId('submit', undefined)]

/** The first row of each list belongs to `mine`, the second to `other`, the rest to the secret. */
function owned() {
  const give = <T extends object>(rows: readonly T[]): T[] =>
    rows.map((row, at) => {
      const id = [mine, other][at]
      return id === undefined ? row : { ...row, owner: { name: `t${at}`, id } }
    })
  const sample = sampleState({ nowMs })
  const state = {
    ...sample,
    activeApps: give(sample.activeApps),
    completedApps: give(sample.completedApps),
    activeDrivers: give(sample.activeDrivers),
    completedDrivers: give(sample.completedDrivers),
  }
  const apps = [...state.activeApps, ...state.completedApps]
  const drivers = [...state.activeDrivers, ...state.completedDrivers]
  const view = {
    ...sampleView({ nowMs }, state),
    detailed: (id: string) => ({
      worker: state.workers.find((row) => row.id === id),
      application: apps.find((row) => row.id === id),
      driver: drivers.find((row) => row.id === id),
    }),
    logHomes: () => [{ workerId: 'w', nowId: 'w' }],
  }
  return { state, view }
}

test('drivers and applications of others are in no list and in no answer; Workers are', () => {
  const { state, view } = owned()
  const own = ownView(view, mine)
  assert.deepEqual(own.state.workers, state.workers)
  for (const list of ['activeApps', 'completedApps', 'activeDrivers', 'completedDrivers'] as const) {
    const [first, ...others] = state[list]
    assert.ok(first && others.length > 0, list)
    assert.deepEqual(own.state[list], [first], list)
    const { application, driver } = own.detailed(first.id)
    assert.ok(application ?? driver, list)
    for (const { id } of others) {
      assert.deepEqual(own.detailed(id), { worker: undefined, application: undefined, driver: undefined })
      assert.deepEqual(own.logHomes(`${id}/0`), [])
      assert.equal(own.taskStream(id), undefined)
    }
    assert.equal(own.logHomes(`${first.id}/0`).length, 1)
  }
  const [worker] = state.workers
  assert.ok(worker && own.detailed(worker.id).worker)
})

test('messages and settings need another role', () => {
  const own = ownView(owned().view, mine)
  assert.deepEqual(
    [own.settings, own.failover(), own.messagesOf('x'), own.messagesOfTrace(1)],
    [[], [], [], []],
  )
  assert.equal(own.newestMessages({} as never), undefined)
})

test('pages are made for each token, for a bounded number of them', async () => {
  const { state, view } = owned()
  const pages = new OwnPages({ take: () => view, wallMs: () => nowMs })
  const set = pages.of(mine)
  assert.equal(pages.of(mine), set)
  assert.notEqual(pages.of(other), set)
  const shown = (await set.text('/drivers')).live.toString()
  assert.ok(shown.includes(state.activeDrivers[0]!.id) && !shown.includes(state.activeDrivers[1]!.id))
  assert.equal((await set.text(`/drivers/${state.activeDrivers[1]!.id}`)).status, 404)
  for (let n = 0; n < innerLimits.ownPageSets; n++) pages.of(newTokenId('submit', undefined))
  assert.notEqual(pages.of(mine), set)
})
