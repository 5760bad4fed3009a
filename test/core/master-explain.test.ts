import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explanationOf, explanationText } from '../../runtime/launch/cli/explain-view.js'
import { newTokenId } from '../../runtime/transport/token.js'
import { MasterWorld, masterConfig } from '../tools/master-fixture.js'

/* Why something waits, and how it ended, as a Master says it: the values, and the words that people see. */

const WALL_MS = 1_700_000_000_000

/** What `explain ID` prints, and its cause. */
function explained(world: MasterWorld, id: string) {
  world.link('asker', 'client')
  const answer = world.ask('asker', { type: 'RequestMasterState', of: id, explain: true })
  assert.equal(answer?.type, 'MasterStateResponse')
  if (answer?.type !== 'MasterStateResponse') throw new Error('no state')
  const { executors, ...page } = answer
  const withExecutors = page.activeApps.map((app) => ({
    ...app,
    executors: executors.filter(({ appId }) => appId === app.id),
  }))
  const ended = page.completedApps.map((app) => ({ ...app, executors: [] }))
  const state = { ...page, activeApps: withExecutors, completedApps: ended }
  const found = explanationOf(state, WALL_MS + world.nowMs)
  assert.ok(found)
  return { ...found.shown, values: found.values, text: explanationText(found.shown, 1000) }
}

const elected = (config: Partial<typeof masterConfig> = {}) => new MasterWorld(config).elect().advance(2000)

test('without a Worker, too large, without room, without the label: each Worker says what is missing', () => {
  const world = elected()
  const waits = world.submitted({ cores: 2, memoryMib: 256 })
  assert.equal(explained(world, waits).cause, 'NO_WORKER')
  assert.match(explained(world, waits).text, /No Worker is alive\.\n\nWhat helps:\n {2}Start one/)
  world.worker('w1', { cores: 1, memoryMib: 4096 })
  const large = explained(world, waits)
  assert.equal(large.cause, 'TOO_LARGE')
  assert.match(
    large.text,
    /No Worker is as large as 2 cores, 256 MiB, even if it were empty: none has enough cores\./,
  )
  assert.match(large.text, /w1 \(\S+\):\n {4}too small: 2 cores wanted, it has 1 core\n/)
  const here = world.submitted({ cores: 1, memoryMib: 3000 })
  world.worker('w2', { port: 7002, cores: 4, memoryMib: 1024 })
  const more = world.submitted({ cores: 1, memoryMib: 2000 })
  const full = explained(world, more)
  assert.equal(full.cause, 'NO_ROOM')
  assert.match(
    full.text,
    new RegExp(
      `w1 \\(\\S+\\):\\n {4}too little is free: 1 core wanted, 0 cores free of 1 core; 1\\.95 GiB wanted, 1\\.07 GiB free of 4 GiB; most of it is held by ${here} \\(1 core, 2\\.93 GiB\\)\\n`,
    ),
  )
  assert.match(full.text, /More cores and memory would do\./)
  assert.match(full.text, /w2 \(\S+\):\n {4}too small: 1\.95 GiB wanted, it has 1 GiB\n/)
  const labelled = explained(world, world.submitted({ on: { zone: 'b' } }))
  assert.equal(labelled.cause, 'NO_LABEL')
  assert.match(labelled.text, /There is no Worker with zone=b\./)
  assert.match(labelled.text, /other labels: no zone, b wanted/)
})

test('a resource that no Worker has is named, and drivers ahead of it are counted', () => {
  const world = elected()
  world.worker('w1', { cores: 4 })
  const gpu = explained(world, world.submitted({ resources: { gpu: 1 } }))
  assert.equal(gpu.cause, 'TOO_LARGE')
  assert.match(gpu.text, /none has enough gpu\. It would wait for ever\./)
  assert.match(gpu.text, /Ask for less, or start a Worker that has enough gpu\./)
  world.submitted({ cores: 4, memoryMib: 64 })
  const first = world.submitted({ cores: 3, memoryMib: 64 })
  const second = world.submitted({ cores: 3, memoryMib: 64 })
  assert.match(explained(world, second).text, /1 older driver wants the same; the oldest goes first/)
  assert.doesNotMatch(explained(world, first).text, /older driver/)
})

test('a failed start rests, then excludes; the reason, the Worker and the time are said', () => {
  const world = elected()
  world.worker('w1', { cores: 4 })
  const driverId = world.submitted({ supervise: true })
  const fail = (generation: number) =>
    world.tell('w1', {
      type: 'DriverStateChanged',
      workerId: 'w1',
      change: generation,
      driverId,
      generation,
      attempt: 1,
      state: 'ERROR',
      message: 'FIRESTEEL_FOLDER_MISSING: the folder /srv/nowhere does not exist',
      notStarted: { code: 'FIRESTEEL_FOLDER_MISSING', place: '/srv/nowhere' },
    })
  fail(1)
  const resting = explained(world, driverId)
  assert.equal(resting.cause, 'LAUNCHES_FAILED')
  assert.match(
    resting.text,
    /w1 \(\S+\):\n {4}1 failed launch in a row, not tried for 1 s; the last one: FIRESTEEL_FOLDER_MISSING: the folder \/srv\/nowhere does not exist\n/,
  )
  world.advance(2000)
  fail(2)
  world.advance(3000)
  fail(3)
  const excluded = explained(world, driverId)
  assert.equal(excluded.cause, 'ALL_EXCLUDED')
  assert.match(excluded.text, /3 failed launches in a row, so it is excluded, not tried for 4 s/)
  assert.match(explained(world, 'w1').text, new RegExp(`${driverId} failed there 3 times in a row`))
})

test('a new leader asks its Workers; one has not reported; one has no link: each is the cause in its turn', () => {
  const world = elected()
  world.worker('w1', { cores: 1 })
  world.submitted()
  const waits = world.submitted()
  world.failover().elect()
  const asks = explained(world, waits)
  assert.equal(asks.cause, 'RECOVERING')
  assert.match(asks.text, /The Master has just been elected, and asks all Workers/)
  world.link('w1', 'node')
  world.advance(2000)
  assert.equal(explained(world, waits).cause, 'NOT_REPORTED')
  world.unlink('w1')
  assert.equal(explained(world, waits).cause, 'UNREACHABLE')
})

test('a Worker that is lost: its driver waits until it cannot run there any more, under which epoch it was launched', () => {
  const world = new MasterWorld({ orphanGraceMs: 1000 }).elect().advance(2000)
  world.worker('w1')
  const driverId = world.submitted({ supervise: true })
  world.unlink('w1')
  const cut = explained(world, driverId)
  assert.equal(cut.cause, 'WORKER_UNREACHABLE')
  assert.match(cut.text, /w1 has no link to this Master\. The driver most likely goes on there\./)
  assert.equal(explained(world, 'w1').cause, 'UNREACHABLE')
  for (let dial = 0; dial < 3; dial++) {
    world.advance(0)
    world.input({ kind: 'probed', workerId: 'w1', refused: true })
    world.advance(300)
  }
  const lost = explained(world, driverId)
  assert.equal(lost.cause, 'FORMER_MAY_LIVE')
  assert.match(lost.text, /so that it never runs twice/)
  assert.match(lost.text, /launched as generation 1 on w1 \(epoch 1\)/)
  assert.match(lost.text, /worker lost: its process is gone: .* \(epoch 1\)/)
  const dead = explained(world, 'w1')
  assert.match(dead.text, /It was declared dead: its process is gone: connections to its port are refused\./)
  assert.ok((dead.values as { condition?: { diedAtMs?: number } }).condition?.diedAtMs)
})

test('what its Worker says of its process: starting, resting, restarted, ending, running', () => {
  const world = elected()
  world.worker('w1')
  const driverId = world.submitted({ supervise: true })
  const life = { starts: 1, failedAtMs: [] }
  const lastExit = { atMs: 5, generation: 1, attempt: 1, code: null, signal: 'SIGSEGV' }
  const tell = (progress: object) =>
    world.tell('w1', {
      type: 'DriverProgressed',
      workerId: 'w1',
      driverId,
      generation: 1,
      progress: { life, ...progress },
    } as never)
  assert.equal(explained(world, driverId).cause, 'STARTING')
  tell({ phase: 'running', pid: 77 })
  assert.match(explained(world, driverId).text, /It runs on w1 \(generation 1, process 77\)\./)
  tell({ phase: 'resting', nextStartAtMs: WALL_MS + world.nowMs + 2000, life: { ...life, lastExit } })
  const resting = explained(world, driverId)
  assert.equal(resting.cause, 'RESTING')
  assert.match(resting.text, /Its process ended, and w1 starts it again in 2 s at the latest\./)
  assert.match(resting.text, /Its last process \(generation 1, attempt 1\): It crashed with SIGSEGV/)
  tell({ phase: 'stopping' })
  assert.equal(explained(world, driverId).cause, 'BEING_RESTARTED')
  tell({ phase: 'held' })
  assert.equal(explained(world, driverId).cause, 'HELD')
  world.ask('cli', { type: 'RequestKillDriver', driverId, by: 'mira@laptop' })
  assert.equal(explained(world, driverId).cause, 'ENDING')
})

test('killed: by whom, from where, when and under which epoch; also before it had a process', () => {
  const world = elected()
  const waits = world.submitted({ cores: 64 })
  world.ask('cli', { type: 'RequestKillDriver', driverId: waits, by: 'mira@laptop' })
  const early = explained(world, waits)
  assert.equal(early.cause, 'KILLED_BEFORE_START')
  assert.match(
    early.text,
    /It was killed on request of mira@laptop, from 10\.0\.0\.9, at 2023-\S+Z \(epoch 1\), before it had a process\./,
  )
  world.worker('w1')
  const driverId = world.submitted()
  world.ask('cli', { type: 'RequestKillDriver', driverId })
  world.tell('w1', {
    type: 'DriverStateChanged',
    workerId: 'w1',
    change: 1,
    driverId,
    generation: 1,
    attempt: 1,
    state: 'KILLED',
    message: 'killed',
    signal: 'SIGTERM',
  })
  const killed = explained(world, driverId)
  assert.equal(killed.cause, 'KILL_ASKED')
  assert.match(killed.text, /on request of somebody on 10\.0\.0\.9 .*; its process ended with SIGTERM\./)
  world.failover().elect().advance(2000)
  assert.equal(explained(world, driverId).why, killed.why, 'also under the next leader')
})

test('out of memory, by the kernel, the heap or the limit, with the figures; a signal that nobody knows', () => {
  const world = elected()
  world.worker('w1')
  let change = 0
  const endOf = (exit: object) => {
    const driverId = world.submitted()
    const lastExit = { atMs: 5, generation: 1, attempt: 1, code: null, signal: 'SIGKILL', ...exit }
    world.tell('w1', {
      type: 'DriverStateChanged',
      workerId: 'w1',
      change: ++change,
      driverId,
      generation: 1,
      attempt: 1,
      state: 'FAILED',
      signal: 'SIGKILL',
      life: { starts: 1, failedAtMs: [], lastExit },
    })
    return explained(world, driverId)
  }
  const kernel = endOf({ outOfMemory: { by: 'kernel', limitMib: 512, usedMib: 490 } })
  assert.equal(kernel.cause, 'MEMORY_KERNEL')
  assert.match(
    kernel.text,
    /The kernel killed it, because .*: SIGKILL, killed by the kernel, out of memory: it used 490 MiB at the last look, and was given 512 MiB\./,
  )
  const limit = endOf({ outOfMemory: { by: 'limit', limitMib: 512, usedMib: 600 } })
  assert.match(limit.text, /Its Worker killed it for its memory: .*600 MiB of 512 MiB\./)
  assert.equal(endOf({ outOfMemory: { by: 'heap', limitMib: 512 } }).cause, 'MEMORY_HEAP')
  assert.equal(endOf({ killerUnknown: true }).cause, 'KILLER_UNKNOWN')
  assert.equal(endOf({}).cause, 'SIGNALLED')
  assert.equal(endOf({ signal: 'SIGABRT' }).cause, 'CRASHED')
  assert.equal(endOf({ signal: null, code: 3 }).cause, 'EXIT')
  const large = endOf({ outOfMemory: { by: 'limit', limitMib: 1024, usedMib: 1025 } })
  assert.match(large.text, /it used 1025 MiB of 1024 MiB\./, 'not: 1 GiB of 1 GiB')
})

test('an order of the cluster is no signal of somebody, and one text has one unit', () => {
  const world = elected()
  world.worker('w1', { memoryMib: 2048 })
  const driverId = world.submitted({ supervise: true, memoryMib: 1024 })
  const lastExit = { atMs: 5, generation: 1, attempt: 1, code: null, signal: 'SIGTERM', told: true }
  world.tell('w1', {
    ...{ type: 'DriverProgressed', workerId: 'w1', driverId, generation: 1 },
    progress: { phase: 'running', pid: 7, life: { starts: 2, failedAtMs: [], lastExit } },
  } as never)
  const { text } = explained(world, driverId)
  assert.match(text, /started again 1 time\. .*: The cluster told it to end .* it ended with SIGTERM\./)
  assert.doesNotMatch(text, /Neither the cluster/)
  const waits = explained(world, world.submitted({ memoryMib: 1536 }))
  assert.match(waits.text, /No Worker has 1 core, 1\.5 GiB free now\./)
  assert.doesNotMatch(waits.text, /MiB/)
  const nearly = explained(world, world.submitted({ memoryMib: 2049 }))
  assert.match(nearly.text, /too small: 2049 MiB wanted, it has 2048 MiB/)
})

test('an application: no link, nothing asked for, a limit of cores; and how its executors ended', () => {
  const world = elected()
  world.worker('w1', { cores: 4, memoryMib: 4096 })
  const appId = world.application('c1', { maxCores: 2 })
  const running = explained(world, appId)
  assert.equal(running.cause, 'STARTING')
  const [launch] = world.toldTo('w1', 'LaunchExecutor')
  world.tell('w1', {
    type: 'ExecutorStateChanged',
    workerId: 'w1',
    change: 1,
    appId,
    execId: launch!.execId,
    state: 'EXITED',
    message: 'Command exited with code 7',
    exitStatus: 7,
  })
  const ended = explained(world, appId)
  assert.equal(ended.cause, 'LAUNCHES_FAILED')
  assert.match(
    ended.text,
    new RegExp(`executor ${launch!.execId} on w1 ended EXITED: Command exited with code 7`),
  )
  const small = world.application('c2', {
    maxCores: 1,
    executor: { cores: 2, memoryMib: 64, resources: {} },
  })
  assert.equal(explained(world, small).cause, 'CORES_LIMIT')
  world.tell('c2', { type: 'RequestExecutors', appId: small, request: 1, total: 0 })
  assert.equal(explained(world, small).cause, 'ASKS_NONE')
  world.unlink('c1')
  assert.equal(explained(world, appId).cause, 'NOT_LINKED')
  world.ask('asker', { type: 'RequestKillApplication', appId, by: 'mira@laptop' })
  const killed = explained(world, appId)
  assert.match(killed.text, /It was killed on request of mira@laptop, from 10\.0\.0\.9,/)
  assert.match(killed.text, /ended EXITED: Command exited with code 7/, 'its ends are kept with it')
})

test('an application whose token was revoked or has ended says so, and one that is only gone does not', () => {
  const world = elected()
  world.worker('w1', { cores: 4, memoryMib: 4096 })
  const tokenOf = (name: string, endsAtMs?: number): string => {
    const id = newTokenId('submit', endsAtMs)
    world.link('admin', 'client')
    world.ask('admin', { type: 'RequestCreateToken', id, name })
    return world.application(name, {}, id)
  }
  const [revoked, expired, crashed] = [
    tokenOf('revoked'),
    tokenOf('expired', WALL_MS + world.nowMs + 5000),
    tokenOf('crashed'),
  ]
  world.ask('admin', { type: 'RequestRevokeToken', token: 'revoked' })
  world.advance(6000)
  for (const name of ['revoked', 'expired', 'crashed']) world.unlink(name)
  world.advance(masterConfig.applicationGraceMs + 1000)
  for (const id of [revoked, expired]) {
    const { cause, text } = explained(world, id)
    assert.equal(cause, 'TOKEN_ENDED')
    assert.match(text, /could not come back, because its token was revoked or has\s+ended\./)
  }
  assert.equal(explained(world, crashed).cause, 'DRIVER_GONE')
})

test('an executor has the time of its launch, while it runs and after its end', () => {
  const world = elected()
  world.worker('w1', { cores: 4, memoryMib: 4096 })
  const launchedAtMs = WALL_MS + world.nowMs
  const appId = world.application('c1', { maxCores: 2 })
  const [launch] = world.toldTo('w1', 'LaunchExecutor')
  world.link('asker', 'client')
  const asked = () => {
    const answer = world.ask('asker', { type: 'RequestMasterState', of: appId, explain: true })
    return answer?.type === 'MasterStateResponse' ? answer : assert.fail('no state')
  }
  assert.deepEqual(
    asked().executors.map((executor) => executor.launchedAtMs),
    [launchedAtMs, launchedAtMs],
  )
  world.advance(5000)
  world.tell('w1', {
    type: 'ExecutorStateChanged',
    workerId: 'w1',
    change: 1,
    appId,
    execId: launch!.execId,
    state: 'EXITED',
    exitStatus: 7,
  })
  const [end] = asked().activeApps[0]?.executorEnds ?? []
  assert.equal(end?.launchedAtMs, launchedAtMs)
  assert.equal(end?.atMs, launchedAtMs + 5000)
  assert.equal(end?.cores, launch!.cores)
})

test('what an application has until its own end is kept with it, as far as there is room; it is no event', () => {
  for (const [failed, living, kept] of [
    [0, 3, [0, 1, 2]],
    [2, 8, [0, 1, 4, 5, 6, 7, 8, 9]],
  ] as const) {
    const world = elected()
    world.worker('w1', { cores: 8, memoryMib: 64 * 1024 })
    const appId = world.application('c1', { maxCores: failed > 0 ? 8 : living })
    const launches = () => world.toldTo('w1', 'LaunchExecutor')
    for (const { execId } of launches().slice(0, failed))
      world.tell('w1', {
        ...{ type: 'ExecutorStateChanged', workerId: 'w1', change: execId + 1, appId, execId },
        ...{ state: 'EXITED', exitStatus: 7 },
      })
    world.advance(5000)
    const endedAtMs = WALL_MS + world.nowMs
    world.tell('c1', { type: 'UnregisterApplication', appId })
    world.link('asker', 'client')
    const answer = world.ask('asker', { type: 'RequestMasterState', of: appId, explain: true })
    const state = answer?.type === 'MasterStateResponse' ? answer : assert.fail('no state')
    const ends = state.completedApps[0]?.executorEnds ?? []
    assert.deepEqual(
      ends.map(({ execId }) => execId),
      kept,
    )
    for (const end of ends.slice(failed)) {
      assert.deepEqual([end.state, end.atMs, end.text], ['KILLED', endedAtMs, 'its application ended'])
      assert.equal(typeof end.launchedAtMs, 'number')
    }
    assert.doesNotMatch(explained(world, appId).text, /its application ended/)
  }
})

test('many Workers: the nearest are shown, in order, and all others are counted', () => {
  const world = elected()
  for (let number = 1; number <= 20; number++)
    world.worker(`w${number}`, { port: 7000 + number, cores: number })
  const { values, text } = explained(world, world.submitted({ cores: 40, memoryMib: 64 }))
  const { wait } = values as { wait: { counts: object; workers: { workerId: string }[] } }
  assert.deepEqual(wait.counts, { TOO_SMALL: 20 })
  assert.deepEqual(
    wait.workers.map(({ workerId }) => workerId),
    ['w20', 'w19', 'w18', 'w17', 'w16', 'w15', 'w14', 'w13'],
  )
  assert.match(text, /and 12 too small\n/)
})
