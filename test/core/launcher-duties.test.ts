import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LauncherOrder } from '../../actors/messages/launchers.js'
import type { FiresteelError } from '../../runtime/errors.js'
import type { Deployment } from '../../runtime/launch/config/deployment.js'
import { readConfig } from '../../runtime/launch/config/read.js'
import type { Launcher } from '../../runtime/launch/node/launcher.js'
import { LauncherDuties } from '../../runtime/launch/node/launcher-duties.js'
import { MachineNodes } from '../../runtime/launch/node/machine-nodes.js'

/* What a launcher does with the orders of an apply, one of which was cut off. */

const fileOf = (...workers: string[]): string =>
  `cluster: c\nmasters: [{name: m1, port: 7101}]\nworkers: [${workers.join(', ')}]\n`
const w1 = '{name: w1, port: 7111, cores: 1, memory: 1g}'
const w2 = '{name: w2, port: 7112, cores: 1, memory: 1g}'
const read = { file: 'f.yaml', folder: '/srv', environment: {} }

/** A launcher whose nodes do what they are told only when the test says so. */
class FakeLauncher {
  readonly done: string[] = []
  readonly leaving = new Set<string>()
  readonly #waiting = new Map<string, { end(): void; fail(error: Error): void }>()
  #onAsked = (): void => undefined

  /** Until the launcher is asked for something by this order, which reads modules before. */
  async asked(by: Promise<unknown>): Promise<void> {
    const asked = new Promise<void>((resolve) => {
      this.#onAsked = resolve
    })
    await Promise.race([asked, by])
  }
  #ask(what: string, node: string): Promise<void> {
    this.done.push(`${what} ${node}`)
    this.#onAsked()
    return new Promise((resolve, reject) => this.#waiting.set(node, { end: resolve, fail: reject }))
  }
  end(node: string): void {
    this.#waiting.get(node)?.end()
  }
  retire(node: string, { drainMs }: { readonly drainMs: number }): Promise<void> {
    this.leaving.add(node)
    return this.#ask(`retire ${drainMs}`, node)
  }
  async restart(node: string): Promise<void> {
    this.leaving.delete(node)
    this.done.push(`restart ${node}`)
  }
  isLeaving(node: string): boolean {
    return this.leaving.has(node)
  }
  stopWaiting(node: string, why: FiresteelError): void {
    this.#waiting.get(node)?.fail(why)
  }
  setOtherMasters(): void {}
}

function machine() {
  const text = fileOf(w1, w2)
  const deployment = readConfig(text, read).config as Deployment
  const { masters, workers } = deployment
  const place = { secret: 's'.repeat(32), workFolder: '/srv/work', isSupervised: true }
  const nodes = new MachineNodes(
    deployment,
    { masters, workers, otherMasters: [] },
    ['m1', 'w1', 'w2'],
    place,
  )
  const launcher = new FakeLauncher()
  const duties = new LauncherDuties({
    ...{ launcher: launcher as unknown as Launcher, nodes, deployment, file: { ...read, text } },
    onNodes: () => {},
    remember: async () => {},
  })
  const said: string[] = []
  const order = (one: LauncherOrder) => duties.carryOut(one, (words) => said.push(words))
  const take = (number: number, node: string, ...file: string[]) =>
    order({ kind: 'take', deployment: number, text: fileOf(...file), nodes: [node] })
  const plan = async (...file: string[]) => {
    const { changes, steps } = JSON.parse((await order({ kind: 'plan', text: fileOf(...file) }))!)
    return { changes, steps }
  }
  return { launcher, take, plan, order, said }
}

const cut = async () => {
  const one = machine()
  const first = one.take(2, 'w2', w1)
  await one.launcher.asked(first)
  return { ...one, first }
}

test('a Worker whose drain an apply began that was cut off is named by the plan of the file as it was', async () => {
  const { plan } = await cut()
  const stays = { node: 'w2', role: 'worker', step: 'restart', stays: true }
  const why = 'an apply that was cut off has told it to stop'
  assert.deepEqual(await plan(w1, w2), {
    changes: [{ change: 'changed', key: 'workers.w2', step: 'restart', nodes: ['w2'], why }],
    steps: [stays],
  })
  const { changes, steps } = await plan(w1, w2.replace('1g', '2g'))
  assert.deepEqual([changes.length, steps], [1, [stays]])
  assert.deepEqual((await plan(w1)).steps, [{ node: 'w2', role: 'worker', step: 'stop' }])
})

test('the variables of submissions are those of whoever applies, those of nodes are those of the launcher', async () => {
  const { order } = machine()
  const text = (memory: string) =>
    `${fileOf(w1, w2.replace('1g', memory))}submissions: [{name: api, main: a.js, args: ["\${WHO}"], memory: "\${MEM}"}]\n`
  const { steps } = JSON.parse((await order({ kind: 'plan', text: text('2g') }))!)
  assert.deepEqual(steps, [{ node: 'w2', role: 'worker', step: 'restart' }])
  await assert.rejects(order({ kind: 'plan', text: text(`"\${OF_NODE}"`) }), {
    message: 'workers[1].memory needs the environment variable OF_NODE, which is not set',
  })
})

test('the next apply does not wait for that drain, and takes it back', async () => {
  const { launcher, take, first, plan, order, said } = await cut()
  await take(3, 'w1', w1.replace('1g', '2g'), w2)
  await assert.rejects(first, { code: 'FIRESTEEL_APPLY_OVERTAKEN' })
  await take(3, 'w2', w1.replace('1g', '2g'), w2)
  assert.deepEqual(launcher.done, ['retire 3600000 w2', 'restart w1', 'restart w2'])
  await order({ kind: 'adopt', deployment: 3, text: fileOf(w1.replace('1g', '2g'), w2) })
  assert.deepEqual((await plan(w1.replace('1g', '2g'), w2)).steps, [])
  assert.equal(said[0], 'w2 drains before it stops, for 1h at most')
})

test('a next apply that wants its end too waits for it, with its own deadline', async () => {
  const { launcher, order, plan } = await cut()
  const text = fileOf(w1)
  const again = order({ kind: 'take', deployment: 2, text, nodes: ['w2'], drainMs: 5000 })
  await launcher.asked(again)
  assert.equal(launcher.done.at(-1), 'retire 5000 w2')
  launcher.end('w2')
  await again
  assert.deepEqual((await plan(w1)).steps, [])
})

test('an order of an earlier apply cuts nothing off; a restart waits, and says for what', async () => {
  const { launcher, take, order, first, said } = await cut()
  const late = take(1, 'w1', w1, w2)
  const restart = order({ kind: 'restart', node: 'w1' })
  assert.equal(said.at(-1), 'its launcher is busy: w2 drains before it stops, for 1h at most')
  launcher.end('w2')
  await first
  await assert.rejects(late, { code: 'FIRESTEEL_APPLY_OVERTAKEN' })
  await restart
  assert.deepEqual(launcher.done, ['retire 3600000 w2', 'restart w1'])
})
