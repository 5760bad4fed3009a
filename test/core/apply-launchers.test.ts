import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MasterClient } from '../../actors/client/master-client.js'
import type { LauncherView } from '../../runtime/launch/cli/apply/apply-plan.js'
import { planText } from '../../runtime/launch/cli/apply/apply-text.js'
import { askLaunchers, surveyDrivers } from '../../runtime/launch/cli/apply/survey.js'
import type { Deployment } from '../../runtime/launch/config/deployment.js'
import { limits } from '../../runtime/limits.js'

/* Which launchers an apply asks: those that are linked, and those that may still dial a new leader. */

interface Machine {
  readonly host: string
  readonly nodes: readonly string[]
  /** It is linked from this question on. */
  readonly from: number
}

/** A leader that was elected `forMs` ago at the first question, and 100 ms later at each next one. */
class Leader {
  asked = 0
  readonly orders: string[] = []
  readonly #machines: readonly Machine[]
  readonly #forMs: number | undefined

  constructor(machines: readonly Machine[], forMs: number | undefined) {
    this.#machines = machines
    this.#forMs = forMs
  }

  get client(): MasterClient {
    return { request: (request: object) => this.#answer(request as { type: string }) } as MasterClient
  }

  async #answer(request: { readonly type: string; readonly launcher?: string }): Promise<object> {
    if (request.type === 'RequestDeployment') return { submissions: [], ended: [], newest: 1 }
    if (request.type === 'RequestLaunchers') {
      const linked = this.#machines.filter(({ from }) => from <= this.asked)
      const leaderForMs = this.#forMs === undefined ? undefined : this.#forMs + 100 * this.asked
      this.asked++
      const launchers = linked.map(({ host, nodes }) => ({ id: host, host, nodes: nodes.map(asNode) }))
      return { launchers, leaderForMs }
    }
    this.orders.push(request.launcher!)
    const named = this.#machines.flatMap(({ nodes }) => nodes)
    const result = { changes: [], steps: [], named, file: { file: 'f', folder: '/', text: '' } }
    return { state: 'DONE', message: '', result: JSON.stringify(result) }
  }
}

const asNode = (name: string) => ({ name, role: 'worker' })
const config = (...names: string[]): Deployment =>
  ({ masters: [], workers: names.map((name) => ({ name, host: name })) }) as unknown as Deployment

async function asked(leader: Leader, wanted: Deployment): Promise<readonly LauncherView[]> {
  const { signal } = new AbortController()
  const parts = { client: leader.client, config: wanted, text: '', signal }
  const found = await askLaunchers(parts, () => Promise.resolve())
  return found.map(({ view }) => view)
}

const alpha: Machine = { host: 'alpha', nodes: ['w1'], from: 0 }
const hosts = (views: readonly LauncherView[]): string[] => views.map(({ host }) => host)

test('a new leader: the launcher that runs what the file removes is waited for, and each is asked once', async () => {
  const leader = new Leader([alpha, { host: 'beta', nodes: ['w2'], from: 3 }], 0)
  assert.deepEqual(hosts(await asked(leader, config('w1'))), ['alpha', 'beta'])
  assert.deepEqual(leader.orders, ['alpha', 'beta'])
})

test('a new leader: the launcher that runs what the file keeps is waited for', async () => {
  const leader = new Leader([alpha, { host: 'beta', nodes: ['w2'], from: 2 }], 0)
  assert.deepEqual(hosts(await asked(leader, config('w1', 'w2'))), ['alpha', 'beta'])
})

test('a leader that is no longer new, or of an earlier release, is asked once', async () => {
  for (const forMs of [limits.launcherPatienceMs, undefined]) {
    const leader = new Leader([alpha, { host: 'beta', nodes: ['w2'], from: 1 }], forMs)
    assert.deepEqual(hosts(await asked(leader, config('w1'))), ['alpha'])
    assert.equal(leader.asked, 1)
  }
})

test('a machine that stays away is waited for until the leader is no longer new, and then named', async () => {
  const leader = new Leader(
    [alpha, { host: 'beta', nodes: ['w2'], from: 1e9 }],
    limits.launcherPatienceMs - 300,
  )
  const wanted = config('w1')
  const launchers = await asked(leader, wanted)
  assert.equal(leader.asked, 4)
  const { signal } = new AbortController()
  const parts = { client: leader.client, wanted, launchers, submissions: [], prune: false, signal }
  const { plan } = await surveyDrivers(parts)
  assert.deepEqual([plan.homeless, plan.away], [[], ['w2']])
  assert.match(planText(plan), /^w2: no launcher that runs it is linked/)
})
