import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { applicationDescription } from '../../actors/messages/samples.js'
import { type Child, startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { readProcess } from '../../runtime/process/process-table.js'
import { waitUntil } from '../harness/wait-until.js'
import { APP, launchDriver, launchExecutor } from '../tools/worker-fixture.js'
import { FakeMaster, startWorkerNode, Workshop } from './worker-fixture.js'

/* What is left of a Worker that dies or is stopped: nothing (protocol 8, lifelines). */

let workshop: Workshop
let master: FakeMaster

before(async () => {
  workshop = await Workshop.make()
  master = await FakeMaster.start()
})
after(async () => {
  await master.close()
  await workshop.remove()
})

const gone = (pid: number): boolean => {
  const entry = readProcess(pid)
  return entry === undefined || entry.state === 'Z'
}

/** Blocks its loop for good, has a child that ignores SIGTERM and one in a session of its own. */
const stubborn = (file: string): string => `
  import { spawn } from 'node:child_process'
  import { writeFileSync } from 'node:fs'
  process.on('SIGTERM', () => {})
  const deaf = spawn('sh', ['-c', 'trap "" TERM; while :; do sleep 1; done'], { stdio: 'ignore' })
  const away = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true })
  writeFileSync('${file}', [process.pid, deaf.pid, away.pid].join('\\n'))
  const end = Date.now() + 60_000
  while (Date.now() < end);`

async function family(file: string): Promise<number[]> {
  return waitUntil('the family', async () => {
    const pids = await workshop.pids(file)
    return pids.length === 3 ? pids : undefined
  })
}

function workerProcess(): Promise<Child> {
  const main = join(dirname(fileURLToPath(import.meta.url)), 'worker-process.js')
  return startChild({
    command: process.execPath,
    args: [main, workshop.workDir, master.address],
    cwd: workshop.root,
    env: childEnvironment(),
    stdout: 'ignore',
    stderr: 'inherit',
    ownGroup: true,
    followDescendants: false,
  })
}

test('kill -9 of a Worker: its drivers and all they started are gone', async () => {
  const child = await workerProcess()
  await master.registered()
  const [workerId] = [...master.links.keys()]
  const main = await workshop.program('stubborn.mjs', stubborn('family'))
  const description = { main, cwd: workshop.root, memoryMib: 256, supervise: true }
  master.tell(workerId!, launchDriver(1, description, { workerId: workerId! }))
  const pids = await family('family')
  child.signal('SIGKILL')
  await waitUntil('all gone', () => pids.every(gone))
  await child.groupGone
})

test('a frozen Worker: its driver with onIsolation stop is gone by contact + 2W/3, the other runs on, and the end is told', async () => {
  const child = await workerProcess()
  const workerId = await waitUntil('the Worker', () =>
    [...master.links.keys()].find((id) => master.all('WorkerLatestState').some((report) => report.id === id)),
  )
  const program = (file: string): string => `
    import { writeFileSync } from 'node:fs'
    process.on('SIGTERM', () => {})
    writeFileSync('${file}', String(process.pid))
    setInterval(() => {}, 1000)`
  const pidOf = new Map<string, number>()
  for (const onIsolation of ['stop', 'run'] as const) {
    const main = await workshop.program(`${onIsolation}.mjs`, program(`pid-${onIsolation}`))
    const description = { main, cwd: workshop.root, memoryMib: 128, supervise: true, onIsolation }
    const driverId = `driver-20260101000000-1-${onIsolation}`
    master.tell(workerId, launchDriver(1, description, { workerId, driverId }))
    pidOf.set(
      onIsolation,
      await waitUntil(
        `the driver ${onIsolation}`,
        async () => (await workshop.pids(`pid-${onIsolation}`))[0],
      ),
    )
  }
  child.signal('SIGSTOP')
  await waitUntil('the one is gone', () => gone(pidOf.get('stop')!))
  assert.equal(gone(pidOf.get('run')!), false)
  child.signal('SIGCONT')
  const end = await master.driverEnd('driver-20260101000000-1-stop')
  assert.deepEqual([end.state, end.isolated], ['KILLED', true])
  assert.equal((await workshop.pids('pid-stop'))[0], pidOf.get('stop'), 'and it has not run again')
  child.signal('SIGKILL')
  await waitUntil('the other is gone', () => gone(pidOf.get('run')!))
  await child.groupGone
})

test('a Worker says how long its work outlives it, if it does', async () => {
  const said: unknown[] = []
  for (const orphanGraceMs of [0, 2000]) {
    const node = await startWorkerNode({
      workDir: workshop.workDir,
      masters: [master.address],
      orphanGraceMs,
    })
    const registration = await waitUntil('its registration', () =>
      master.all('RegisterWorker').find(({ id }) => id === node.worker.incarnation),
    )
    said.push(registration.orphanGraceMs)
    await node.close()
  }
  assert.deepEqual(said, [undefined, 2000])
})

/** For a signal handler on a busy machine. What ignores the signal ends by force after it. */
const GRACE_MS = 3000

test('stop: drivers and executors end in order, with a grace, and what could be reported was', async () => {
  const executor = await workshop.program(
    'executor.mjs',
    `import { readFileSync } from 'node:fs'
    const boot = JSON.parse(readFileSync(3, 'utf8'))
    process.on('SIGTERM', () => { console.log('asked'); process.exit(0) })
    console.log(JSON.stringify([boot.appId, boot.execId, process.cwd()]))
    setInterval(() => {}, 1000)`,
  )
  const settings = { workDir: workshop.workDir, masters: [master.address] }
  const node = await startWorkerNode(settings, { times: { killGraceMs: GRACE_MS }, executorMain: executor })
  const workerId = node.worker.incarnation
  const registered = () => master.all('WorkerLatestState').some(({ id }) => id === workerId)
  await waitUntil('the Worker', registered)
  const main = await workshop.program('stubborn2.mjs', stubborn('family2'))
  const driverId = 'driver-20260101000000-1-0099'
  const description = { main, cwd: workshop.root, memoryMib: 256 }
  master.tell(workerId, launchDriver(1, description, { workerId, driverId }))
  const application = { ...applicationDescription, cwd: workshop.root }
  master.tell(workerId, launchExecutor(5, { workerId, application }))
  const stdout = `work/${APP}/5/stdout`
  await waitUntil('the executor', async () => (await workshop.read(stdout)).includes(APP))
  const running = master.all('ExecutorStateChanged').find(({ execId }) => execId === 5)
  assert.equal(running?.state, 'RUNNING')
  const pids = await family('family2')

  await node.close()
  assert.deepEqual(
    pids.filter((pid) => !gone(pid)),
    [],
  )
  assert.equal(await workshop.read(stdout), `${JSON.stringify([APP, 5, workshop.root])}\nasked\n`)
  const states = master.all('ExecutorStateChanged').filter(({ workerId: id }) => id === workerId)
  assert.deepEqual(
    states.map(({ state, message }) => [state, message]),
    [
      ['RUNNING', undefined],
      ['KILLED', 'Worker shutting down'],
    ],
  )
  assert.equal((await master.driverEnd(driverId)).state, 'FAILED')
  assert.equal(node.worker.guardPid, undefined, 'its guard has gone too')
})
