import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type HandOverStep, handOverSteps } from '../../actors/worker/restart/hand-over.js'
import { type Child, startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { identityOf, isAlive } from '../../runtime/process/find-process.js'
import { readProcess } from '../../runtime/process/process-table.js'
import { OutputTail } from '../harness/output-tail.js'
import { waitUntil } from '../harness/wait-until.js'
import { launchDriver } from '../tools/worker-fixture.js'
import { FakeMaster, Workshop } from './worker-fixture.js'

/*
 * A Worker that restarts as announced, and is killed at each step of it (protocol 8.6): what it started is
 * taken back by the next process, or ended; never is anything left, and nothing is started twice.
 */

let master: FakeMaster
let workshop: Workshop
let number = 0

before(async () => {
  master = await FakeMaster.start()
  workshop = await Workshop.make()
})
after(async () => {
  await master.close()
  await workshop.remove()
})

interface Process {
  readonly child: Child
  readonly said: OutputTail
}

/** The announced time: far more than processes take to begin on a busy machine. */
const RESTART_MS = 25_000
const running = new Set<Child>()
after(() => {
  for (const child of running) child.signal('SIGKILL')
})

/** One process of the Worker of this work folder. It stays at the step `stopAt`. */
async function workerProcess(workDir: string, stopAt = '', restartMs = RESTART_MS): Promise<Process> {
  const main = fileURLToPath(new URL('../tools/restart-process.js', import.meta.url))
  const child = await startChild({
    command: process.execPath,
    args: [main, workDir, master.address, String(restartMs), stopAt],
    cwd: workshop.root,
    env: childEnvironment(),
    stdout: 'pipe',
    stderr: 'inherit',
    ownGroup: true,
    followDescendants: false,
  })
  running.add(child)
  void child.exited.then(() => running.delete(child))
  return { child, said: new OutputTail(child.stdout!, 100) }
}

const says = ({ said }: Process, step: string): Promise<unknown> =>
  waitUntil(`the step ${step}`, () => said.text.split('\n').includes(step))

/** The id under which a Worker process is linked and has reported, beside those of `before`. */
const reported = (before: ReadonlySet<string>): Promise<string> =>
  waitUntil('the Worker', () =>
    [...master.links.keys()].find(
      (id) => !before.has(id) && master.all('WorkerLatestState').some((report) => report.id === id),
    ),
  )

/** A Worker with one supervised driver, which adds its pid to a file at each start. */
async function begin(stopAt = '', restartMs = RESTART_MS) {
  const name = `restart-${++number}`
  const workDir = workshop.path(name)
  const known = new Set(master.links.keys())
  const worker = await workerProcess(workDir, stopAt, restartMs)
  const workerId = await reported(known)
  const driver = await launched(workerId, name, '')
  return { name, workDir, worker, workerId, ...driver }
}

async function launched(workerId: string, name: string, code: string, changes = {}) {
  const main = await workshop.program(
    `${name}.mjs`,
    `import { appendFileSync, existsSync } from 'node:fs'
     appendFileSync('pids-${name}', process.pid + '\\n')
     console.log('begun ' + process.pid)
     setInterval(() => {}, 1000)
     ${code}`,
  )
  const driverId = `driver-20260101000000-1-${name}`
  const description = { main, cwd: workshop.root, memoryMib: 128, supervise: true, ...changes }
  master.tell(workerId, launchDriver(1, description, { workerId, driverId }))
  const pids = (): Promise<number[]> => workshop.pids(`pids-${name}`)
  const pid = await waitUntil(`the driver ${name}`, async () => (await pids())[0])
  const progress = () => master.all('DriverProgressed').some((message) => message.driverId === driverId)
  await waitUntil('the driver to be reported', progress)
  return { driverId, pids, identity: identityOf(pid)! }
}

/** It ends by itself. */
async function left({ child }: Process): Promise<void> {
  await waitUntil('the Worker to leave', () => !running.has(child))
  assert.deepEqual(await child.exited, { code: 0, signal: null })
}

async function killed({ child }: Process): Promise<void> {
  child.signal('SIGKILL')
  await child.exited
}

/** The steps after which the next process takes back what runs. Before, it ends with its Worker. */
const survives: ReadonlySet<HandOverStep> = new Set(['outlives'])

for (const step of handOverSteps) {
  const fate = survives.has(step) ? 'taken back' : 'ended'
  test(`killed when it has ${step}: its driver is ${fate}`, async () => {
    const { worker, workDir, identity, pids, workerId } = await begin(step)
    worker.child.signal('SIGUSR2')
    await says(worker, step)
    await killed(worker)
    const known = new Set(master.links.keys())
    const next = await workerProcess(workDir)
    await says(next, 'ready')
    if (survives.has(step)) {
      await says(next, 'claimed')
      await waitUntil('its report', () => master.links.has(workerId))
      assert.ok(isAlive(identity))
    } else {
      await says(next, 'fresh')
      await waitUntil('the driver to end', () => !isAlive(identity))
      assert.ok(!known.has(await reported(known)), 'it is another incarnation')
    }
    assert.deepEqual(await pids(), [identity.pid], 'it was started once')
    await killed(next)
    await waitUntil('the driver to end', () => !isAlive(identity))
    assert.deepEqual(await pids(), [identity.pid])
  })
}

test('the next process killed before it claims: the one after it takes back', async () => {
  const { worker, workDir, identity, pids, workerId } = await begin()
  worker.child.signal('SIGUSR2')
  await left(worker)
  const second = await workerProcess(workDir, 'begun')
  await says(second, 'begun')
  await killed(second)
  const third = await workerProcess(workDir)
  await says(third, 'claimed')
  await waitUntil('its report', () => master.links.has(workerId))
  assert.ok(isAlive(identity))
  assert.deepEqual(await pids(), [identity.pid])
  await killed(third)
  await waitUntil('the driver to end', () => !isAlive(identity))
})

for (const step of ['claimed', 'ready']) {
  test(`the next process killed when it has ${step}: the driver ends, and the one after it is fresh`, async () => {
    const { worker, workDir, identity, pids } = await begin()
    worker.child.signal('SIGUSR2')
    await left(worker)
    const second = await workerProcess(workDir, step)
    await says(second, step)
    await killed(second)
    await waitUntil('the driver to end', () => !isAlive(identity))
    const third = await workerProcess(workDir)
    await says(third, 'fresh')
    assert.deepEqual(await pids(), [identity.pid])
    await killed(third)
  })
}

test('nobody comes: the guard ends the driver when the announced time is over, and a later process is fresh', async () => {
  const restartMs = 2000
  const { worker, workDir, identity, pids } = await begin('', restartMs)
  const askedAtMs = performance.now()
  worker.child.signal('SIGUSR2')
  await left(worker)
  await waitUntil('the driver to end', () => !isAlive(identity))
  assert.ok(performance.now() - askedAtMs >= restartMs, 'and not before')
  const late = await workerProcess(workDir)
  await says(late, 'fresh')
  assert.deepEqual(await pids(), [identity.pid])
  await killed(late)
})

test('two next processes: one takes back, the other is fresh', async () => {
  const { worker, workDir, identity, pids } = await begin()
  worker.child.signal('SIGUSR2')
  await left(worker)
  const both = await Promise.all([workerProcess(workDir), workerProcess(workDir)])
  for (const each of both) await says(each, 'ready')
  const said = both.map((each) => each.said.text.split('\n')[1]).sort()
  assert.deepEqual(said, ['claimed', 'fresh'])
  assert.ok(isAlive(identity))
  assert.deepEqual(await pids(), [identity.pid])
  for (const each of both) await killed(each)
  await waitUntil('the driver to end', () => !isAlive(identity))
})

test('the guard killed meanwhile: what is left is ended, and the next process begins anew', async () => {
  const { worker, workDir, identity, pids } = await begin()
  const guard = identityOf(parentOf(identity.pid))!
  worker.child.signal('SIGUSR2')
  await left(worker)
  process.kill(guard.pid, 'SIGKILL')
  const next = await workerProcess(workDir)
  await says(next, 'fresh')
  await waitUntil('the driver to end', () => !isAlive(identity))
  assert.deepEqual(await pids(), [identity.pid])
  await killed(next)
})

test('the guard killed meanwhile, and nobody comes: a second guard ends what is left', async () => {
  const { worker, workDir, identity, pids } = await begin()
  const guard = identityOf(parentOf(identity.pid))!
  worker.child.signal('SIGUSR2')
  await left(worker)
  process.kill(guard.pid, 'SIGKILL')
  await waitUntil('the driver to end', () => !isAlive(identity))
  const late = await workerProcess(workDir)
  await says(late, 'fresh')
  assert.deepEqual(await pids(), [identity.pid])
  await killed(late)
})

for (const step of ['prepared', 'noted', 'announced', 'paused', 'saved']) {
  test(`the guard killed when the Worker has ${step}: another one keeps the driver for the next process`, async () => {
    const { worker, workDir, identity, pids, workerId } = await begin(`${step},guard`)
    worker.child.signal('SIGUSR2')
    await left(worker)
    const next = await workerProcess(workDir)
    await says(next, 'claimed')
    await waitUntil('its report', () => master.links.has(workerId))
    assert.ok(isAlive(identity))
    assert.deepEqual(await pids(), [identity.pid])
    await killed(next)
    await waitUntil('the driver to end', () => !isAlive(identity))
  })
}

test('what ends while there is no Worker: its exit code is told, and a supervised driver begins again', async () => {
  const { worker, workDir, workerId, name, identity } = await begin()
  const wait = `setInterval(() => { if (existsSync('end-${name}')) process.exit(7) }, 20)`
  const once = await launched(workerId, `${name}-once`, wait, { supervise: false })
  const again = await launched(workerId, `${name}-again`, wait)
  worker.child.signal('SIGUSR2')
  await left(worker)
  await workshop.program(`end-${name}`, '')
  for (const each of [once, again]) await waitUntil('its end', () => !isAlive(each.identity))
  const next = await workerProcess(workDir)
  await says(next, 'claimed')
  const end = await master.driverEnd(once.driverId)
  assert.deepEqual([end.state, end.exitCode, end.workerId], ['FAILED', 7, workerId])
  await waitUntil('the next attempt', async () => (await again.pids()).length === 2)
  assert.ok(isAlive(identity))
  assert.ok((await workshop.read(`${name}/${once.driverId}/stdout`)).startsWith('begun '))
  await killed(next)
})

test('one restart after the other: the driver goes on, its output in its file, its kill obeyed', async () => {
  const { worker, workDir, workerId, driverId, identity, pids, name } = await begin()
  let present = worker
  for (let round = 0; round < 3; round++) {
    present.child.signal('SIGUSR2')
    await left(present)
    present = await workerProcess(workDir)
    await says(present, 'claimed')
    await says(present, 'ready')
    await waitUntil('its link', () => master.links.has(workerId))
  }
  assert.ok(isAlive(identity))
  master.tell(workerId, { type: 'KillDriver', workerId, driverId, generation: 1 })
  const end = await master.driverEnd(driverId)
  assert.deepEqual([end.state, end.attempt], ['KILLED', 1])
  assert.deepEqual(await pids(), [identity.pid])
  assert.equal(existsSync(join(workDir, `restart-w1`)), false, `nothing of it is left in ${name}`)
  present.child.signal('SIGTERM')
  await left(present)
})

function parentOf(pid: number): number {
  return readProcess(pid)!.parentPid
}
