import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { DeployedDriver } from '../../actors/messages/deployments.js'
import {
  type ApplyInput,
  type ApplyPlan,
  type ApplyStep,
  type LauncherView,
  planApply,
} from '../../runtime/launch/cli/apply/apply-plan.js'
import { planText, stepText } from '../../runtime/launch/cli/apply/apply-text.js'
import type { NodeSpec } from '../../runtime/launch/node/node-spec.js'
import { nodeSteps, type Specs } from '../../runtime/launch/node/node-steps.js'

/* What an apply does (docs/operating.md), on a model of machines, each with a launcher. */

interface Node {
  readonly name: string
  readonly role: 'master' | 'worker'
  readonly host: string
  readonly port: number
  readonly cores: number
}

/** Of a deployment file what matters here. */
interface Wanted {
  readonly nodes: readonly Node[]
  readonly submissions: Readonly<Record<string, string>>
}

const HOSTS = ['alpha', 'beta'] as const
const keyOf = (name: string, content: string): string => `deployment/${name}/${content}`
const specOf = (node: Node): NodeSpec => node as unknown as NodeSpec
const specsOf = (nodes: readonly Node[]): Specs => new Map(nodes.map((node) => [node.name, specOf(node)]))

/** A running cluster: what each launcher runs, and the drivers of deployment files. */
class World {
  readonly launchers: Map<string, Map<string, Node>>
  readonly drivers = new Map<string, DeployedDriver>()
  readonly ended: DeployedDriver[] = []
  #ids = 0

  constructor({ nodes, submissions }: Wanted, hosts: readonly string[] = HOSTS) {
    this.launchers = new Map(
      hosts.map((host) => [
        host,
        new Map(nodes.filter((node) => node.host === host).map((node) => [node.name, node])),
      ]),
    )
    for (const [name, content] of Object.entries(submissions)) this.#submit(name, content)
  }

  #submit(name: string, content: string): void {
    const driverId = `driver-${++this.#ids}`
    this.drivers.set(name, { name, key: keyOf(name, content), driverId, state: 'RUNNING' })
  }

  end(name: string, state: 'KILLED' | 'FINISHED'): void {
    const driver = this.drivers.get(name)
    if (!driver) return
    this.drivers.delete(name)
    this.ended.push({ ...driver, state })
  }

  plan({ nodes, submissions }: Wanted, prune = true): ApplyPlan {
    const launchers: LauncherView[] = [...this.launchers].map(([host, running]) => ({
      id: host,
      host,
      nodes: [...running.keys()],
      named: [],
      changes: [],
      steps: nodeSteps(specsOf([...running.values()]), specsOf(nodes.filter((node) => node.host === host))),
    }))
    const of = (role: Node['role']) => nodes.filter((node) => node.role === role)
    const input = {
      wanted: { masters: of('master'), workers: of('worker') },
      launchers,
      submissions: Object.entries(submissions).map(([name, content]) => ({
        name,
        key: keyOf(name, content),
      })),
      live: [...this.drivers.values()],
      ended: this.ended,
      prune,
    }
    return planApply(input as unknown as ApplyInput)
  }

  take(step: ApplyStep, { nodes, submissions }: Wanted): void {
    if (step.kind === 'submission') {
      const driver = this.drivers.get(step.name)
      if (step.step === 'end') this.end(step.name, 'KILLED')
      else if (step.step === 'submit') this.#submit(step.name, submissions[step.name]!)
      else this.drivers.set(step.name, { ...driver!, key: keyOf(step.name, submissions[step.name]!) })
      return
    }
    const running = this.launchers.get(step.launcher)!
    const runsElsewhere = [...this.launchers.values()].some(
      (other) => other !== running && other.has(step.node),
    )
    assert.ok(!(step.step === 'start' && runsElsewhere), `${step.node} would run twice`)
    if (step.step === 'stop') running.delete(step.node)
    else {
      const next = nodes.find(({ name }) => name === step.node)!
      const holder = [...running.values()].find(({ name, port }) => name !== step.node && port === next.port)
      assert.equal(holder, undefined, `port ${next.port} of ${step.node} is in use`)
      running.set(step.node, next)
    }
  }

  shown() {
    const nodes = [...this.launchers.values()].flatMap((running) => [...running.values()])
    return {
      nodes: nodes.sort((a, b) => (a.name < b.name ? -1 : 1)),
      drivers: [...this.drivers.values()].map(({ name, key }) => `${name} ${key}`).sort(),
    }
  }
}

const shownOf = ({ nodes, submissions }: Wanted) => ({
  nodes: [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1)),
  drivers: Object.entries(submissions)
    .map(([name, content]) => `${name} ${keyOf(name, content)}`)
    .sort(),
})

const node = (name: string, role: Node['role']): fc.Arbitrary<Node> =>
  fc.record({
    name: fc.constant(name),
    role: fc.constant(role),
    host: fc.constantFrom(...HOSTS),
    port: fc.constantFrom(1, 2, 3, 4, 5, 6),
    cores: fc.constantFrom(1, 2, 3),
  })

const someOf = (...nodes: fc.Arbitrary<Node>[]): fc.Arbitrary<Node[]> =>
  fc
    .tuple(...nodes.map((each) => fc.option(each, { nil: undefined })))
    .map((list) => list.filter((each) => each !== undefined))

const wanted: fc.Arbitrary<Wanted> = fc
  .tuple(
    node('m0', 'master'),
    someOf(node('m1', 'master'), node('m2', 'master')),
    someOf(node('w1', 'worker'), node('w2', 'worker'), node('w3', 'worker')),
    fc.dictionary(fc.constantFrom('api', 'job', 'web'), fc.constantFrom('a', 'b')),
  )
  .map(([m0, masters, workers, submissions]) => ({
    // The first Master never moves, so that the others are found.
    nodes: [{ ...m0, host: 'alpha', port: 1 }, ...masters, ...workers],
    submissions,
  }))
  // A file with two nodes at one address is refused by its reader.
  .filter(({ nodes }) => new Set(nodes.map(({ host, port }) => `${host}:${port}`)).size === nodes.length)

/** It is refused, because no node of it can start first. */
const isExchange = ({ refused }: ApplyPlan): boolean =>
  refused.some(({ why = '' }) => why.includes('they wait for each other'))

test('property: a plan that is carried out makes the one the other, and a second plan is empty', () => {
  fc.assert(
    fc.property(wanted, wanted, (before, after) => {
      const world = new World(before)
      const plan = world.plan(after)
      fc.pre(!isExchange(plan))
      assert.deepEqual([plan.refused, plan.homeless], [[], []])
      for (const step of plan.steps) world.take(step, after)
      assert.deepEqual(world.shown(), shownOf(after))
      const { steps, left } = world.plan(after)
      assert.deepEqual([steps, left], [[], []])
    }),
    { numRuns: 500 },
  )
})

test('property: cut off after any step, the same file leads to the same end, and another one to its own', () => {
  fc.assert(
    fc.property(wanted, wanted, wanted, fc.nat(12), fc.boolean(), (before, after, other, at, isSame) => {
      const world = new World(before)
      const plan = world.plan(after)
      fc.pre(!isExchange(plan))
      for (const step of plan.steps.slice(0, at)) world.take(step, after)
      const next = isSame ? after : other
      fc.pre(!isExchange(world.plan(next)))
      for (const step of world.plan(next).steps) world.take(step, next)
      assert.deepEqual(world.shown(), shownOf(next))
    }),
    { numRuns: 500 },
  )
})

test('property: at any time a Master runs at an address that it had before and will have', () => {
  fc.assert(
    fc.property(wanted, wanted, (before, after) => {
      const world = new World(before)
      fc.pre(!isExchange(world.plan(after)))
      for (const step of world.plan(after).steps) {
        world.take(step, after)
        assert.ok([...world.launchers.values()].some((running) => running.get('m0')?.port === 1))
      }
    }),
  )
})

const file: Wanted = {
  nodes: [
    { name: 'm0', role: 'master', host: 'alpha', port: 1, cores: 1 },
    { name: 'w1', role: 'worker', host: 'alpha', port: 1, cores: 1 },
  ],
  submissions: { api: 'a' },
}
const texts = ({ steps }: ApplyPlan): string[] => steps.map(stepText)
const changed = (name: string, change: Partial<Node>): Wanted => ({
  ...file,
  nodes: file.nodes.map((each) => (each.name === name ? { ...each, ...change } : each)),
})

test('the steps of each kind of change, in the order that keeps room for what moves', () => {
  const after: Wanted = {
    nodes: [
      { ...file.nodes[0]!, cores: 2 },
      { name: 'w2', role: 'worker', host: 'beta', port: 1, cores: 1 },
      { name: 'm1', role: 'master', host: 'beta', port: 1, cores: 1 },
    ],
    submissions: { api: 'b', web: 'a' },
  }
  assert.deepEqual(texts(new World({ ...file, submissions: { api: 'a', job: 'a' } }).plan(after)), [
    'm1: start it',
    'w2: start it',
    'job: end it',
    'api: end the old content, then start the new one as the next generation',
    'web: submit it',
    'm0: restart it; it hands over before',
    'w1: drain it, then stop it',
  ])
})

test('a Worker with other settings restarts with its work; with another address it starts anew', () => {
  assert.deepEqual(texts(new World(file).plan(changed('w1', { cores: 9 }))), [
    'w1: restart it; its work goes on',
  ])
  assert.deepEqual(texts(new World(file).plan(changed('w1', { port: 9 }))), [
    'w1: stop it and start it anew, under its new address',
  ])
  assert.deepEqual(texts(new World(file).plan(changed('w1', { host: 'beta' }))), [
    'w1: drain it, then stop it',
    'w1: start it',
  ])
})

test('a port that another node has is handed on: that one stops or moves first, and an exchange is refused', () => {
  const worker = (name: string, port: number): Node => ({ ...file.nodes[1]!, name, port })
  const plan = (before: Node[], ...after: Node[]): ApplyPlan =>
    new World({ ...file, nodes: [file.nodes[0]!, ...before] }).plan({
      ...file,
      nodes: [file.nodes[0]!, ...after],
    })
  assert.deepEqual(texts(plan([worker('w2', 7)], worker('wx', 7))), [
    'w2: drain it, then stop it',
    'wx: start it',
  ])
  assert.deepEqual(texts(plan([worker('w1', 6), worker('w2', 7)], worker('w1', 7), worker('w2', 8))), [
    'w2: stop it and start it anew, under its new address',
    'w1: stop it and start it anew, under its new address',
  ])
  const { refused } = plan([worker('w1', 6), worker('w2', 7)], worker('w1', 7), worker('w2', 6))
  assert.deepEqual(
    refused.map(({ key, step, why }) => `${key} ${step} ${why?.split(';')[0]}`),
    [
      'workers.w1 never it would get port 7 of w2, and they wait for each other',
      'workers.w2 never it would get port 6 of w1, and they wait for each other',
    ],
  )
  const masters: Wanted = {
    ...file,
    nodes: [...file.nodes, { ...file.nodes[0]!, name: 'm1', port: 2 }],
  }
  const renamed = masters.nodes.map((each) => (each.name === 'm1' ? { ...each, name: 'mx' } : each))
  assert.deepEqual(texts(new World(masters).plan({ ...masters, nodes: renamed })), [
    'm1: stop it',
    'mx: start it',
  ])
})

test('the only Master cannot change its address, and a node without a launcher is named', () => {
  const [refused] = new World(file).plan(changed('m0', { port: 9 })).refused
  assert.equal(refused?.step, 'never')
  const { homeless } = new World(file, ['alpha']).plan(changed('w1', { host: 'beta' }))
  assert.deepEqual(homeless, [{ name: 'w1', host: 'beta' }], 'also one that runs elsewhere until then')
  const added = { ...file, nodes: [...file.nodes, { ...file.nodes[1]!, name: 'w5', host: 'gamma' }] }
  assert.deepEqual(new World(file).plan(added).homeless, [{ name: 'w5', host: 'gamma' }])
})

test('without --prune drivers of earlier files go on, and are named', () => {
  const world = new World(file)
  const plan = world.plan({ ...file, submissions: {} }, false)
  assert.deepEqual(plan.steps, [])
  assert.equal(planText(plan), '1 driver of earlier files goes on: api (driver-1). With --prune they end.\n')
})

test('what ended by itself stays ended, what somebody killed is submitted again', () => {
  const world = new World(file)
  world.end('api', 'FINISHED')
  assert.deepEqual(texts(world.plan(file)), [])
  const other = new World(file)
  other.end('api', 'KILLED')
  assert.deepEqual(texts(other.plan(file)), ['api: submit it'])
})

test('whether its code travels is no change of a submission, but its content is', () => {
  const world = new World({ ...file, submissions: { api: '0a.code1' } })
  assert.deepEqual(texts(world.plan({ ...file, submissions: { api: '0a' } })), [])
  assert.deepEqual(texts(world.plan({ ...file, submissions: { api: '0a.code2' } })), [
    'api: end the old content, then start the new one as the next generation',
  ])
})

test('what an apply that was cut off has begun is waited for, whether it is new content or an end', () => {
  const world = new World({ ...file, submissions: { api: 'a', job: 'a' } })
  const api = world.drivers.get('api')!
  world.drivers.set('api', { ...api, key: keyOf('api', 'b'), isBeingReplaced: true })
  world.drivers.set('job', { ...world.drivers.get('job')!, state: 'KILLING' })
  const after = { ...file, submissions: { api: 'b' } }
  assert.deepEqual(texts(world.plan(after)), [
    'job: end it',
    'api: end the old content, then start the new one as the next generation',
  ])
  assert.deepEqual(world.plan(after, false).left, [], 'it is going')
})
