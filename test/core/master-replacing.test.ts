import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DriverDescription } from '../../actors/messages/common.js'
import type { DeploymentResponse, SubmissionDeployed } from '../../actors/messages/deployments.js'
import type { DriverStateChanged } from '../../actors/messages/drivers.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* Submissions of a deployment file: submitted, replaced under their id, and ended (protocol 9, 15). */

const keyOf = (content: string): string => `deployment/api/${content}`

function applying(): MasterWorld {
  const world = new MasterWorld().elect()
  world.worker('w1', { cores: 4 })
  holding(world)
  return world
}

/** The link of an apply, whose deployment is at work. */
function holding(world: MasterWorld): void {
  world.link('ann', 'client')
  const file = { file: 'c.yaml', folder: '/', text: 'a' }
  world.ask('ann', { type: 'BeginDeployment', ...file, by: 'ann', changes: [], after: 0 })
}

function deploy(world: MasterWorld, content: string | undefined, parts: Partial<DriverDescription> = {}) {
  const description = { ...driverDescription, name: 'api', args: [content ?? ''], supervise: true, ...parts }
  const answer = world.ask('ann', {
    type: 'DeploySubmission',
    deployment: 1,
    name: 'api',
    ...(content !== undefined && { to: { key: keyOf(content), description } }),
  })
  assert.equal(answer?.type, 'SubmissionDeployed', JSON.stringify(answer))
  const { isDone, driver } = answer as SubmissionDeployed
  return { isDone, id: driver?.driverId, state: driver?.state }
}

let change = 0
const ended = (world: MasterWorld, driverId: string, more: Partial<DriverStateChanged> = {}): void =>
  world.tell('w1', {
    type: 'DriverStateChanged',
    workerId: 'w1',
    change: ++change,
    driverId,
    generation: 1,
    attempt: 1,
    state: 'KILLED',
    ...more,
  })

const launches = (world: MasterWorld) =>
  world
    .toldTo('w1', 'LaunchDriver')
    .map(({ driverId, generation, description }) => `${driverId} ${generation} ${description.args[0]}`)
const kills = (world: MasterWorld) =>
  world.toldTo('w1', 'KillDriver').map(({ driverId, generation }) => `${driverId} ${generation}`)

const shown = (world: MasterWorld) => {
  const { submissions } = world.ask('ann', { type: 'RequestDeployment' }) as DeploymentResponse
  return submissions.map(({ key, isBeingReplaced }) => ({ key, isBeingReplaced }))
}

test('new content is the next generation, which begins when the old one has ended', () => {
  const world = applying()
  const { id } = deploy(world, 'a')
  assert.deepEqual(deploy(world, 'a'), { isDone: true, id, state: 'RUNNING' }, 'the same content')
  assert.deepEqual(deploy(world, 'b'), { isDone: false, id, state: 'RESTARTING' })
  assert.deepEqual(kills(world), [`${id} 1`])
  assert.deepEqual(deploy(world, 'b'), { isDone: false, id, state: 'RESTARTING' })
  assert.equal(kills(world).length, 1, 'it is told once')
  assert.deepEqual(
    shown(world),
    [{ key: keyOf('b'), isBeingReplaced: true }],
    'others see that it is not done',
  )
  ended(world, id!)
  assert.deepEqual(shown(world), [{ key: keyOf('b'), isBeingReplaced: undefined }])
  assert.deepEqual(launches(world), [`${id} 1 a`, `${id} 2 b`])
  assert.deepEqual(deploy(world, 'b'), { isDone: true, id, state: 'RUNNING' })
})

for (const [what, more] of Object.entries({
  'it finished by itself': { state: 'FINISHED', exitCode: 0 },
  'it failed': { state: 'FAILED', exitCode: 1 },
  'its Worker was stopped': { state: 'KILLED', stopped: true },
} as const)) {
  for (const supervise of [true, false]) {
    test(`new content follows although ${what} (supervised: ${supervise})`, () => {
      const world = applying()
      const { id } = deploy(world, 'a', { supervise })
      deploy(world, 'b', { supervise })
      ended(world, id!, more)
      world.worker('w2', { port: 7002 })
      const [launch] = [...world.toldTo('w1', 'LaunchDriver'), ...world.toldTo('w2', 'LaunchDriver')].filter(
        ({ generation }) => generation === 2,
      )
      assert.equal(launch?.description.args[0], 'b')
    })
  }
}

test('a failover in the middle: the new leader tells the old content to end again', () => {
  const world = applying()
  const { id } = deploy(world, 'a')
  deploy(world, 'b')
  world.failover().elect()
  world.link('w1')
  world.report('w1', {
    drivers: [
      {
        driverId: id!,
        generation: 1,
        attempt: 1,
        state: 'RUNNING',
        resources: {},
        cores: 1,
        memoryMib: 128,
        launchedAt: { epoch: 1, seq: 1, owner: 'm1' },
      },
    ],
  })
  assert.deepEqual(kills(world), [`${id} 1`])
  ended(world, id!)
  assert.deepEqual(launches(world), [`${id} 2 b`])
  holding(world)
  assert.deepEqual(deploy(world, 'b'), { isDone: true, id, state: 'RUNNING' })
})

test('a launch that never arrived before a replacement is not sent again with the old content', () => {
  const world = applying()
  const { id } = deploy(world, 'a')
  deploy(world, 'b')
  world.report('w1')
  assert.deepEqual(launches(world), [`${id} 1 a`, `${id} 2 b`])
})

test('the Worker is lost: the new content waits as long as the old one may live', () => {
  const world = applying()
  const { id } = deploy(world, 'a', { supervise: false })
  deploy(world, 'b', { supervise: false })
  world.unlink('w1')
  world.advance(world.config.workerTimeoutMs * 2)
  world.worker('w2', { port: 7002 })
  assert.deepEqual(
    world
      .toldTo('w2', 'LaunchDriver')
      .map(({ driverId, generation, description }) => [driverId, generation, description.args[0]]),
    [[id, 2, 'b']],
  )
})

test('what waits for room gets its new content, and its new demand, at once', () => {
  const world = applying()
  const { id } = deploy(world, 'a', { cores: 8 })
  assert.deepEqual(deploy(world, 'b', { cores: 1 }), { isDone: false, id, state: 'SUBMITTED' })
  assert.deepEqual(launches(world), [`${id} 1 b`])
  assert.deepEqual(deploy(world, 'b'), { isDone: true, id, state: 'RUNNING' })
})

test('back to the old content while it still ends: it runs again as the next generation', () => {
  const world = applying()
  const { id } = deploy(world, 'a')
  deploy(world, 'b')
  assert.equal(deploy(world, 'a').isDone, false)
  ended(world, id!)
  assert.deepEqual(launches(world), [`${id} 1 a`, `${id} 2 a`])
})

test('a kill of people ends what is being replaced for good', () => {
  const world = applying()
  const { id } = deploy(world, 'a')
  deploy(world, 'b')
  world.ask('ann', { type: 'RequestKillDriver', driverId: id! })
  ended(world, id!)
  assert.deepEqual(launches(world), [`${id} 1 a`])
  assert.notEqual(deploy(world, 'b').id, id, 'what was killed is submitted again, as another driver')
})

test('without a description it ends; what ended by itself stays so, what was killed begins anew', () => {
  const world = applying()
  const { id } = deploy(world, 'a')
  assert.equal(deploy(world, undefined).isDone, false)
  ended(world, id!)
  assert.deepEqual(deploy(world, undefined), { isDone: true, id: undefined, state: undefined })
  const again = deploy(world, 'a')
  assert.notEqual(again.id, id)
  ended(world, again.id!, { state: 'FINISHED', exitCode: 0 })
  assert.deepEqual(deploy(world, 'a'), { isDone: true, id: again.id, state: 'FINISHED' })
})

test('two drivers of one name, from a file that was changed before `up`: one stays', () => {
  const world = applying()
  const old = world.submit({ name: 'api' }, keyOf('x')) as { driverId: string }
  const { id } = deploy(world, 'b')
  assert.equal(id, old.driverId, 'it becomes the new content')
  const other = world.submit({ name: 'api' }, keyOf('y')) as { driverId: string }
  deploy(world, 'b')
  assert.ok(kills(world).includes(`${other.driverId} 1`))
})

test('a service that exits with 0 on the stop signal of a kill has not ended by itself: it is submitted again', () => {
  for (const ends of ['kill', 'prune'] as const) {
    const world = new MasterWorld({ retainedEnded: 1 }).elect()
    world.worker('w1', { cores: 4 })
    holding(world)
    const { id } = deploy(world, 'a')
    if (ends === 'kill') world.ask('ann', { type: 'RequestKillDriver', driverId: id! })
    else deploy(world, undefined)
    ended(world, id!, { state: 'FINISHED', exitCode: 0 })
    const of = () =>
      (world.ask('ann', { type: 'RequestDeployment', keys: [keyOf('a')] }) as DeploymentResponse).ended
    assert.deepEqual(of(), [{ name: 'api', key: keyOf('a'), driverId: id, state: 'KILLED' }])
    // So many others end that only its key is known, also to the next leader.
    const other = world.submit({ name: 'batch' }, 'other') as { driverId: string }
    ended(world, other.driverId, { state: 'FINISHED', exitCode: 0 })
    world.failover().elect()
    world.worker('w1', { cores: 4 })
    world.link('ann', 'client')
    assert.equal(of()[0]?.state, 'KILLED')
    const again = deploy(world, 'a')
    assert.notEqual(again.id, id)
    assert.equal(again.isDone, true)
    assert.notEqual(again.state, 'KILLED')
  }
})

test('only the apply that is at work may change submissions', () => {
  const world = applying()
  world.link('bob', 'client')
  const answer = world.ask('bob', { type: 'DeploySubmission', deployment: 1, name: 'api' })
  assert.equal(answer?.type === 'Failure' && answer.code, 'FIRESTEEL_APPLY_OVERTAKEN')
})
