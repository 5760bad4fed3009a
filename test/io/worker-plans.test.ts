import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { lutimes, mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { applicationDescription } from '../../actors/messages/samples.js'
import { type ChildPlan, driverPlan, executorPlan } from '../../actors/worker/child-plans.js'
import { Children } from '../../actors/worker/children.js'
import { oldFolders } from '../../actors/worker/old-folders.js'
import { outputFolder } from '../../actors/worker/output-id.js'
import { fileError, WorkFolders } from '../../actors/worker/work-folders.js'
import type { WorkerConfig } from '../../actors/worker/worker-config.js'
import type { ProcessEnd, StartFailure } from '../../actors/worker/worker-events.js'
import { WorkerMetrics } from '../../actors/worker/worker-metrics.js'
import { systemClock } from '../../runtime/clock.js'
import type { LabelCounts } from '../../runtime/metrics/label-counts.js'
import { silentLog } from '../../runtime/observe/log.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { waitUntil } from '../harness/wait-until.js'
import { ownSpawner } from '../tools/own-spawner.js'
import { APP, DRIVER, launchDriver, launchExecutor, ME } from '../tools/worker-fixture.js'

/* What a Worker starts, with which environment, credentials and folders (protocol 16). */

const secret = 'a secret of the tests only, long enough'
const masters = ['firesteel://10.0.0.1:7070', 'firesteel://10.0.0.2:7070']
let folder = ''
let config: WorkerConfig

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firesteel-plans-'))
  await writeFile(join(folder, 'job.js'), '')
  config = {
    name: 'w1',
    cluster: 'test',
    secret,
    host: '127.0.0.1',
    port: 9001,
    advertise: 'w1.example',
    web: null,
    cores: 4,
    memoryMib: 4096,
    resources: {},
    labels: {},
    workDir: folder,
    masters,
    workerTimeoutMs: 60_000,
    orphanGraceMs: 0,
    applicationTimeoutMs: 60_000,
    code: { cache: join(folder, 'code'), maxBytes: 2 ** 30, inPlace: true },
  }
})
after(() => rm(folder, { recursive: true, force: true }))

test('a driver finds the Masters, its id, its generation and its attempt in its environment, and cannot be given others', async () => {
  const env = {
    MINE: 'yes',
    FIRESTEEL_MASTER: 'firesteel://evil:1',
    FIRESTEEL_GENERATION: '99',
    FIRESTEEL_ATTEMPT: '98',
    FIRESTEEL_RESOURCES: 'x',
    FIRESTEEL_SECRET: 'x',
  }
  const launch = launchDriver(3, { cwd: folder, main: join(folder, 'job.js'), env, args: ['a', '--b'] })
  const plan = await driverPlan(launch, 2, config, masters)
  const ours = Object.entries(plan.env).filter(([key]) => key.startsWith('FIRESTEEL_'))
  assert.deepEqual(Object.fromEntries(ours), {
    FIRESTEEL_MASTER: 'firesteel://10.0.0.1:7070,10.0.0.2:7070',
    FIRESTEEL_DRIVER_ID: DRIVER,
    FIRESTEEL_GENERATION: '3',
    FIRESTEEL_ATTEMPT: '2',
  })
  assert.equal(plan.env.MINE, 'yes')
  assert.deepEqual(
    Object.keys(plan.env).filter((key) => /SECRET|KEY|TOKEN/.test(key)),
    [],
  )
  assert.deepEqual(plan.args.slice(-3), [join(folder, 'job.js'), 'a', '--b'])
  assert.deepEqual(plan.folder, [DRIVER])
})

test('a driver gets its own key by the pipe, and the secret nowhere', async () => {
  const launch = launchDriver(3, { cwd: folder, main: 'job.js' }, { resources: { gpu: ['1'] } })
  const plan = await driverPlan(launch, 2, config, masters)
  assert.deepEqual(JSON.parse(plan.boot), {
    cluster: 'test',
    masters,
    role: 'driver',
    subject: `${DRIVER}/3`,
    key: deriveKey(secret, 'driver', `${DRIVER}/3`).toString('base64'),
    driver: { id: DRIVER, generation: 3, attempt: 2 },
  })
  assert.equal(plan.env.FIRESTEEL_RESOURCES, '{"gpu":["1"]}')
  assert.ok(!JSON.stringify(plan).includes(secret))
})

for (const [name, registrant, parent] of [
  ['a client', { role: 'client' }, () => deriveKey(secret, 'client')],
  [
    'a cluster driver',
    { role: 'driver', subject: 'driver-1/2' },
    () => deriveKey(secret, 'driver', 'driver-1/2'),
  ],
] as const) {
  test(`the executor of an application of ${name} gets the key that its driver derives too`, async () => {
    const application = { ...applicationDescription, cwd: folder, nodeOptions: ['--enable-source-maps'] }
    const launch = launchExecutor(7, { application, registrant, memoryMib: 1000 })
    const plan = await executorPlan(launch, config, ME, undefined, undefined, '/executor.js')
    const boot = JSON.parse(plan.boot)
    assert.equal(boot.key, deriveKey(parent(), 'application', APP).toString('base64'))
    assert.deepEqual([boot.appId, boot.execId, boot.workerId, boot.host], [APP, 7, ME, 'w1.example'])
    assert.deepEqual(plan.args, ['--max-old-space-size=750', '--enable-source-maps', '/executor.js'])
    assert.deepEqual(plan.folder, [APP, '7'])
    assert.deepEqual(
      Object.keys(plan.env).filter((key) => key.startsWith('FIRESTEEL_')),
      [],
    )
  })
}

test('a missing folder is FOLDER_MISSING naming host and folder; none at all is not our own', async () => {
  for (const cwd of ['/no/such/folder', '', 'relative', '/dev/null']) {
    const application = { ...applicationDescription, cwd }
    const failed = { code: 'FIRESTEEL_FOLDER_MISSING' }
    await assert.rejects(executorPlan(launchExecutor(1, { application }), config, ME), failed)
    await assert.rejects(driverPlan(launchDriver(1, { cwd }), 1, config, masters), failed)
  }
  await assert.rejects(driverPlan(launchDriver(1, { cwd: '/no/such/folder' }), 1, config, masters), {
    message: 'the working folder /no/such/folder does not exist on w1.example',
  })
})

test('a missing program is MAIN_NOT_FOUND', async () => {
  const launch = launchDriver(1, { cwd: folder, main: join(folder, 'none.js') })
  await assert.rejects(driverPlan(launch, 1, config, masters), { code: 'FIRESTEEL_MAIN_NOT_FOUND' })
})

for (const [id, expected] of [
  ['driver-20260101000000-1-0000', ['driver-20260101000000-1-0000']],
  ['app-20260101000000-1-0000/12', ['app-20260101000000-1-0000', '12']],
  ['app-1/0', ['app-1', '0']],
  ['app-1', undefined],
  ['app-1/', undefined],
  ['app-1/01', undefined],
  ['app-1/-1', undefined],
  ['app-1/1/2', undefined],
  ['app-1/..', undefined],
  ['app-../1', undefined],
  ['../app-1/1', undefined],
  ['/app-1/1', undefined],
  ['driver-', undefined],
  ['driver-../x', undefined],
  ['driver-1\n', undefined],
  ['driver-1\0', undefined],
  ['driver-%2e%2e', undefined],
  ['driver-a.b', undefined],
  ['', undefined],
] as const) {
  test(`the output of ${JSON.stringify(id)} lies in ${JSON.stringify(expected) ?? 'no folder'}`, () => {
    assert.deepEqual(outputFolder(id), expected)
  })
}

test('a full disk is DISK_FULL, with the place', () => {
  for (const code of ['ENOSPC', 'EDQUOT']) {
    const error = fileError(Object.assign(new Error('write'), { code }), '/jobs/x')
    assert.deepEqual([error.code, error.place], ['FIRESTEEL_DISK_FULL', '/jobs/x'])
  }
  assert.equal(
    fileError(Object.assign(new Error('no'), { code: 'EACCES' }), '/x').code,
    'FIRESTEEL_SPAWN_FAILED',
  )
})

test('a disk that fills up during a start is a failed start, told with its code; nothing is left open', async () => {
  class FullDisk extends WorkFolders {
    override make(): Promise<string> {
      return Promise.reject(fileError(Object.assign(new Error('write'), { code: 'ENOSPC' }), '/jobs/x'))
    }
  }
  const failed = await new Promise<[string, StartFailure]>((resolve, reject) => {
    const unexpected = (): never => {
      const error = new Error('it must not start')
      reject(error)
      throw error
    }
    const children = new Children({
      folders: new FullDisk(folder, silentLog),
      guard: { spawn: unexpected, spawned: unexpected, remove: unexpected, extend: unexpected },
      clock: systemClock,
      listener: {
        started: unexpected,
        startFailed: (process, failure) => resolve([process, failure]),
        ended: unexpected,
      },
      log: silentLog,
    })
    const launch = launchDriver(1, { cwd: folder, main: 'job.js' })
    children.start(`${DRIVER}/1/1`, driverPlan(launch, 1, config, masters))
    children.close()
  })
  assert.deepEqual(failed, [
    `${DRIVER}/1/1`,
    {
      code: 'FIRESTEEL_DISK_FULL',
      place: '/jobs/x',
      message: 'FIRESTEEL_DISK_FULL: no space is left for /jobs/x',
    },
  ])
})

/** How a program that kills itself with SIGKILL is told to have ended. */
async function endOfKilled(byKernel: boolean | undefined, stops = false): Promise<ProcessEnd> {
  const main = join(folder, 'killed.mjs')
  await writeFile(main, stops ? 'setInterval(() => {}, 1000)' : "process.kill(process.pid, 'SIGKILL')")
  const root = await mkdtemp(join(folder, 'killed-'))
  const nothing = (): void => undefined
  return new Promise((resolve, reject) => {
    const children = new Children({
      folders: new WorkFolders(root, silentLog),
      guard: ownSpawner(),
      clock: systemClock,
      kernelKills: { look: nothing, hasKilled: () => byKernel },
      listener: {
        started: (process) => (stops ? children.stop(process, 0) : undefined),
        startFailed: (_, { message }) => reject(new Error(message)),
        ended: (_, end) => {
          children.close()
          resolve(end)
        },
      },
      log: silentLog,
    })
    const launch = launchDriver(1, { cwd: folder, main, memoryMib: 64 })
    children.start(`${DRIVER}/1/1`, driverPlan(launch, 1, config, masters))
  })
}

test('SIGKILL: by the kernel for lack of memory, by another, or by whom is not known; ours is none of these', async () => {
  const killed = { exitCode: null, signal: 'SIGKILL' }
  const { overMemory, ...end } = await endOfKilled(true)
  assert.deepEqual(end, killed)
  assert.deepEqual([overMemory?.by, overMemory?.limitMib], ['kernel', 64])
  assert.deepEqual(await endOfKilled(false), killed)
  assert.deepEqual(await endOfKilled(undefined), { ...killed, isKillerUnknown: true })
  assert.deepEqual(await endOfKilled(true, true), killed, 'this Worker stopped it')
})

test('a kill by the kernel for lack of memory is counted as one', () => {
  const metrics = new WorkerMetrics()
  const overMemory = { by: 'kernel', limitMib: 64 } as const
  metrics.processEnded(`${DRIVER}/1/1`, { exitCode: null, signal: 'SIGKILL', overMemory })
  assert.equal(metrics.kills.get('kernel'), 1)
  assert.equal(metrics.ended.driver.get('memory'), 1)
})

const waits = 'setInterval(() => undefined, 1000)'

/** A plan of a program of Node, with a folder of its own. */
const planOf = (name: string, code: string, command = process.execPath): Promise<ChildPlan> =>
  Promise.resolve({
    command,
    args: ['-e', code],
    cwd: folder,
    env: {},
    boot: '',
    folder: [`app-${name}`, '1'],
    memoryMib: 512,
  })

const happened = (counts: LabelCounts) =>
  Object.fromEntries([...counts.entries].filter(([, count]) => count > 0))

test('starts, ends and kills are counted; a kill after "valid until" is one of the guard', async () => {
  const metrics = new WorkerMetrics()
  const pids = new Map<string, number>()
  const ended = new Set<string>()
  let bootMs = 0
  const children = new Children({
    folders: new WorkFolders(folder, silentLog),
    guard: ownSpawner(),
    clock: { ...systemClock, bootMs: () => bootMs },
    metrics,
    listener: {
      started: (process, pid) => void pids.set(process, pid),
      startFailed: (process) => void ended.add(process),
      ended: (process) => void ended.add(process),
    },
    log: silentLog,
  })
  children.start('app-x/1', planOf('well', ''))
  children.start('app-x/2', planOf('ill', 'process.exit(7)'))
  children.start('app-x/3', planOf('absent', '', '/no/such/program'))
  children.start('driver-x/1/1', planOf('killed', waits))
  children.start('driver-x/2/1', planOf('late', waits), 1000)
  await waitUntil('all to start or end', () => pids.size === 4 && ended.size === 3)
  process.kill(pids.get('driver-x/1/1')!, 'SIGKILL')
  bootMs = 1000
  process.kill(pids.get('driver-x/2/1')!, 'SIGKILL')
  await waitUntil('all to end', () => ended.size === 5)
  children.close()
  assert.deepEqual(happened(metrics.started), { driver: 2, executor: 2 })
  assert.deepEqual(happened(metrics.ended.executor), { success: 1, failure: 1, not_started: 1 })
  assert.deepEqual(happened(metrics.ended.driver), { signal: 2 })
  assert.deepEqual(happened(metrics.kills), { guard: 1 })
})

const skip = process.platform !== 'linux'

test('what keeps more ended children than it may is told of; what collects its own is not', {
  skip,
}, async () => {
  const worn = new Map<string, string>()
  const pids: number[] = []
  const ended = new Set<string>()
  const children = new Children({
    folders: new WorkFolders(folder, silentLog),
    guard: ownSpawner(),
    clock: systemClock,
    // So many looks that a shell is not taken for one that collects nothing because it got no processor.
    lookMs: 100,
    listener: {
      started: (_, pid) => void pids.push(pid),
      startFailed: (_, { message }) => assert.fail(message),
      worn: (process, reason) => void worn.set(process, reason),
      ended: (process) => void ended.add(process),
    },
    log: silentLog,
  })
  const pipe = join(folder, 'children')
  execFileSync('mkfifo', [pipe])
  /** Each of its children ends with a line of the pipe. */
  const plan = async (name: string, count: number, last: string): Promise<ChildPlan> => {
    const starts = `exec 3<>${pipe}; n=0; while [ $n -lt ${count} ]; do read line <&3 & n=$((n + 1)); done`
    return { ...(await planOf(name, '', '/bin/sh')), args: ['-c', `${starts}; ${last}`] }
  }
  // What the shell becomes does not know of its children.
  children.start('app-y/1', plan('keeps', 101, 'exec sleep 60'))
  children.start('app-y/2', plan('may', 100, 'exec sleep 60'))
  children.start('app-y/3', plan('collects', 101, 'sleep 60 & wait'))
  const became = () =>
    pids.filter((pid) => readFileSync(`/proc/${pid}/cmdline`).toString().startsWith('sleep'))
  await waitUntil('two to be another program', () => became().length === 2)
  await writeFile(pipe, '\n'.repeat(101 + 100 + 101))
  await waitUntil('it to be told of', () => worn.size > 0)
  for (const name of ['app-y/1', 'app-y/2', 'app-y/3']) children.stop(name, 0)
  await waitUntil('all to end', () => ended.size === 3)
  children.close()
  assert.deepEqual(
    [...worn],
    [['app-y/1', 'it keeps the pids of 101 processes of its tasks that have ended']],
  )
})

test('cleanup removes old folders of ended work: not young ones, not those kept, not what is none of ours', async () => {
  const root = await mkdtemp(join(folder, 'work-'))
  const outside = await mkdtemp(join(folder, 'outside-'))
  await writeFile(join(outside, 'precious'), '')
  const old = new Date(Date.now() - 10 * 24 * 3600_000)
  for (const name of ['app-old', 'app-young', 'app-kept', 'driver-old', 'notes']) {
    await mkdir(join(root, name, '1'), { recursive: true })
    for (const part of [`${name}/1`, name]) await utimes(join(root, part), old, old)
  }
  // The folder is old, a file in it is not: it counts.
  await writeFile(join(root, 'app-young/1/stdout'), '')
  await utimes(join(root, 'app-young'), old, old)
  await symlink(outside, join(root, 'driver-old', 'link'))
  // What a link leads to is not looked at, and is young.
  await lutimes(join(root, 'driver-old', 'link'), old, old)
  await utimes(join(root, 'driver-old'), old, old)

  const folders = new WorkFolders(root, silentLog)
  await folders.clean((id) => id === 'app-kept/1', Date.now() - 7 * 24 * 3600_000)
  const left = ['app-old', 'app-young', 'app-kept', 'driver-old', 'notes'].filter((name) =>
    existsSync(join(root, name)),
  )
  assert.deepEqual(left, ['app-young', 'app-kept', 'notes'])
  assert.ok(existsSync(join(outside, 'precious')), 'a link is removed, not what it points to')

  await utimes(join(root, 'app-young/1/stdout'), old, old)
  await utimes(join(root, 'app-young/1'), old, old)
  await folders.stampEnd('app-young')
  await folders.clean(() => false, Date.now() - 7 * 24 * 3600_000)
  assert.ok(existsSync(join(root, 'app-young')), 'its age counts from the end of its application')
  assert.ok(!existsSync(join(root, 'app-kept')))
})

const folderOf = (id: string, changedAtMs: number, ageFromMs = changedAtMs) => ({
  id,
  changedAtMs,
  ageFromMs,
})
const idsOf = (folders: readonly { id: string }[]) => folders.map(({ id }) => id)

test('of too many folders the oldest go: of one application first, then of all', () => {
  const crashing = Array.from({ length: 130 }, (_, n) => folderOf(`app-a/${n}`, 1000 + n))
  const [driver, other] = [folderOf('driver-b', 1), folderOf('app-c/1', 2)]
  assert.deepEqual(
    idsOf(oldFolders([...crashing, driver, other], 0)).sort(),
    idsOf(crashing.slice(0, 30)).sort(),
    'one that fails over and over pushes out its own only',
  )
  const many = Array.from({ length: 1003 }, (_, n) => folderOf(`driver-${n}`, 1000 + n))
  assert.deepEqual(idsOf(oldFolders(many, 0)).sort(), ['driver-0', 'driver-1', 'driver-2'])
  assert.deepEqual(idsOf(oldFolders([folderOf('app-a/1', 5, 20), folderOf('app-b/1', 19)], 20)), ['app-b/1'])
})

test('cleanup: the folders of executors that exit at once become a hundred, and what lives is there', async () => {
  const root = await mkdtemp(join(folder, 'work-'))
  for (let n = 0; n < 400; n++) {
    const path = join(root, APP, String(n))
    await mkdir(path, { recursive: true })
    const at = new Date(Date.now() - 3_600_000 + 1000 * n)
    await utimes(path, at, at)
  }
  const folders = new WorkFolders(root, silentLog)
  await folders.clean((id) => id === `${APP}/3`, 0)
  const left = (await readdir(join(root, APP))).map(Number).sort((a, b) => a - b)
  assert.deepEqual(left, [3, ...Array.from({ length: 100 }, (_, n) => 300 + n)])
})

test('work whose code travelled runs in it, in the folder where it began, or else in its work folder', async () => {
  const code = { root: '/home/someone/job', folder: join(folder, 'files') }
  await mkdir(join(code.folder, 'bin'), { recursive: true })
  await writeFile(join(code.folder, 'bin/job.js'), '')
  const planIn = (cwd: string) => {
    const launch = launchDriver(1, { main: '/home/someone/job/bin/job.js', cwd })
    return driverPlan(launch, 1, config, masters, undefined, code)
  }
  const plan = await planIn('/home/someone/job/bin')
  assert.deepEqual([plan.cwd, plan.args.at(-1)], [join(code.folder, 'bin'), join(code.folder, 'bin/job.js')])
  for (const elsewhere of ['/home/someone', '/home/someone/job/logs', '/home/someone/jobs'])
    assert.equal((await planIn(elsewhere)).cwd, join(folder, DRIVER), elsewhere)
  const launch = launchExecutor(7, { application: { ...applicationDescription, cwd: '/home/someone/job' } })
  const executor = await executorPlan(launch, config, ME, undefined, code)
  assert.equal(executor.cwd, code.folder)
  assert.deepEqual(JSON.parse(executor.boot).code, code)
})
