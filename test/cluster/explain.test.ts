import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startChild } from '../../runtime/process/child.js'
import { readProcess } from '../../runtime/process/process-table.js'
import { createTestCluster, type TestCluster, waitUntil } from '../harness/index.js'
import { probe } from '../harness/probe.js'
import { commandEnvironment } from '../harness/up-process.js'
import { explainedText } from '../tools/explain.js'
import { memoryGroup } from '../tools/memory-group.js'
import { ASKING, statusOf } from '../tools/status.js'

/*
 * Why something waits and how it ended, each provoked with real processes: the words that a person sees. One
 * cluster of two Workers with two cores and 1 GiB each, and one without any Worker.
 */

let cluster: TestCluster
let folder = ''

/** Programs by name. */
const programs = {
  service: 'setInterval(() => {}, 1000)',
  stubborn: `process.on('SIGTERM', () => {})\nsetInterval(() => {}, 1000)`,
  exit3: 'process.exit(3)',
  failing: 'setTimeout(() => process.exit(3), 200)',
  crash: 'process.abort()',
  heap: `const kept = []\nsetInterval(() => { for (let n = 0; n < 20; n++) kept.push(new Array(100_000).fill({})) })`,
  buffers: `const kept = []\nsetInterval(() => { if (kept.length < 40) kept.push(Buffer.alloc(16 * 1024 * 1024, 1)) }, 10)`,
  late: 'setInterval(() => {}, 1000)',
  gone: 'setInterval(() => {}, 1000)',
} as const
type Program = keyof typeof programs

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firesteel-explain-'))
  for (const [name, text] of Object.entries(programs)) await writeFile(join(folder, `${name}.mjs`), text)
  cluster = await createTestCluster({ workers: 2, cores: 2, memory: '1g', orphanGrace: '2s' })
  await cluster.waitAlive()
})
after(async () => {
  await cluster?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function submit(program: Program, ...options: string[]): Promise<string> {
  return submitTo(cluster, program, ...options)
}

async function submitTo(to: TestCluster, program: Program, ...options: string[]): Promise<string> {
  const memory = options.includes('--memory') ? [] : ['--memory', '96m']
  const args = ['submit', '--json', ...memory, ...options, join(folder, `${program}.mjs`)]
  const { stdout, stderr } = await to.cli(args)
  assert.notEqual(stdout, '', stderr)
  return (JSON.parse(stdout) as { id: string }).id
}

/** Waits until `explain` gives this cause, and checks the words. */
async function explains(
  of: TestCluster,
  id: string,
  cause: string,
  ...words: readonly (RegExp | string)[]
): Promise<string> {
  let last = ''
  const text = await of
    .waitUntil(
      `${id} to be explained by ${cause}`,
      async () => {
        const found = await explainedText(of, id)
        last = `${found?.cause}: ${found?.text}`
        return found?.cause === cause ? found.text : undefined
      },
      ASKING,
    )
    .catch((error: unknown) => {
      throw new Error(`${id} is not explained by ${cause}, but ${last}`, { cause: error })
    })
  for (const word of words) {
    if (typeof word === 'string') assert.ok(text.includes(word), `${word}\nis not in\n${text}`)
    else assert.match(text, word)
  }
  return text
}

/** What the command itself prints. */
async function printed(of: TestCluster, id: string): Promise<string> {
  const { stdout, stderr, code } = await of.cli(['explain', id])
  assert.equal(code, 0, stderr)
  return stdout.replace(/\n {2,}/g, ' ')
}

interface Row {
  readonly pid: number | null
  readonly worker: string | null
}

/** The process of a driver that runs. */
const running = (id: string) =>
  cluster.waitUntil(
    `${id} to run`,
    async () => {
      const row = await statusOf<Row>(cluster, id)
      return row.pid !== null && row.worker !== null ? { pid: row.pid, worker: row.worker } : undefined
    },
    ASKING,
  )

const killed = async (...ids: string[]): Promise<void> => {
  for (const id of ids) assert.equal((await cluster.cli(['kill', id])).code, 0)
}

test('waits for what no Worker has: memory, a resource, a label', async () => {
  const large = await submit('service', '--memory', '64g')
  await explains(
    cluster,
    large,
    'TOO_LARGE',
    'No Worker is as large as 1 core, 64 GiB, even if it were empty: none has enough memory. It would wait for ever.',
    'Ask for less, or start a Worker that has enough memory.',
    /w1-\S+ \(127\.0\.0\.1\):\n {4}too small: 64 GiB wanted, it has 1 GiB\n/,
    /w2-\S+ \(127\.0\.0\.1\):\n/,
  )
  const gpu = await submit('service', '--resource', 'gpu=1')
  await explains(cluster, gpu, 'TOO_LARGE', 'none has enough gpu', 'too small: 1 gpu wanted, it has 0 gpu')
  const labelled = await submit('service', '--on', 'zone=b')
  await explains(
    cluster,
    labelled,
    'NO_LABEL',
    'There is no Worker with zone=b.',
    'Start a Worker with these labels',
    'other labels: no zone, b wanted',
  )
  await killed(large, gpu)
  await killed(labelled)
  await explains(
    cluster,
    labelled,
    'KILLED_BEFORE_START',
    /It was killed on request of \S+@\S+, from 127\.0\.0\.1, at 20\S+Z \(epoch 1\), before it had a process\./,
  )
})

test('waits for cores that an application holds, and for memory that drivers hold; an idle application asks for none', async () => {
  const app = await cluster.connect({ name: 'holder', executor: { memory: '64m' } })
  await cluster.waitUntil('it has all cores', () => app.executors.length === 4)
  const waiting = await submit('service', '--cores', '2')
  const held = `most of it is held by ${app.id} (2 cores, 128 MiB)`
  await explains(
    cluster,
    waiting,
    'NO_ROOM',
    'No Worker has 2 cores, 96 MiB free now.',
    'More cores would do.',
    `too little is free: 2 cores wanted, 0 cores free of 2 cores; ${held}`,
  )
  const words = await printed(cluster, waiting)
  assert.match(
    words,
    /^Driver service \(driver-\S+\): SUBMITTED\n\nWhy: No Worker has 2 cores, 96 MiB free now\./,
  )
  assert.ok(words.includes(held), words)
  const page = await probe(`${cluster.node('m1').web}/drivers/${waiting}`)
  assert.match(page.body, /<h2>Why<\/h2>.*<p>No Worker has 2 cores, 96 MiB free now\.<\/p>/s)
  assert.match(page.body, /<a href="\/workers\/w1-[^"]+">w1<\/a>/)
  assert.ok(page.body.includes(held), page.body)
  const second = await cluster.connect({ name: 'second', executor: { memory: '64m' } })
  await explains(cluster, second.id, 'NO_ROOM', 'No Worker has 1 core, 64 MiB free now.', held)
  await second.close()
  await explains(cluster, second.id, 'UNREGISTERED', 'Its program closed it.')
  await app.requestExecutors(0)
  await explains(
    cluster,
    app.id,
    'ASKS_NONE',
    'It asks for no executors: it has no tasks that wait, or its program wants none.',
  )
  await explains(cluster, waiting, 'RUNS', /It runs on w\d-\S+ \(generation 1, process \d+\)\./)
  await killed(waiting, app.id)
  await explains(
    cluster,
    app.id,
    'KILL_ASKED',
    /It was killed on request of \S+@\S+, from 127\.0\.0\.1,/,
    'Run its program again if it should go on.',
  )
  const large = [await submit('service', '--memory', '700m'), await submit('service', '--memory', '700m')]
  for (const id of large) await running(id)
  const third = await submit('service', '--memory', '700m')
  await explains(
    cluster,
    third,
    'NO_ROOM',
    'More memory would do.',
    `too little is free: 700 MiB wanted, 324 MiB free of 1 GiB; most of it is held by ${large[0]} (1 core, 700 MiB)`,
  )
  await killed(third, ...large)
})

test('an executor that is lost is among what happened; an application whose program is killed waits for it, then ends', async () => {
  const program = new URL('./client-program.js', import.meta.url).pathname
  const child = await startChild({
    command: process.execPath,
    args: [program, 'stay'],
    cwd: folder,
    env: commandEnvironment({ FIRESTEEL_MASTER: cluster.address, FIRESTEEL_SECRET: cluster.secret }),
    stdout: 'inherit',
    stderr: 'inherit',
    ownGroup: true,
  })
  const isLive = async () => {
    const { applications } = await cluster.status()
    return applications.find(({ state }) => state === 'RUNNING')?.id
  }
  const appId = await cluster.waitUntil('its application', isLive)
  await explains(cluster, appId, 'RUNS', 'It has all the executors that it wants: 1.')
  await killed(`${appId}/0`)
  await explains(cluster, appId, 'RUNS', /executor 0 on w\d-\S+ ended KILLED: killed on request/)
  process.kill(child.pid, 'SIGKILL')
  await explains(cluster, appId, 'NOT_LINKED', 'Its program has no link to this Master')
  await explains(
    cluster,
    appId,
    'DRIVER_GONE',
    'Its program did not close it, and had no link to the Master for too long.',
  )
})

test('an application whose executors end at once everywhere: the last ends, the Workers, and where the output is', async () => {
  const app = await cluster.connect({
    name: 'never',
    executor: { nodeOptions: ['--no-such-option'], memory: '64m' },
  })
  await explains(
    cluster,
    app.id,
    'EXECUTORS_FAILED',
    /Its executors failed: 12 executors in a row failed, and every Worker that is large enough is excluded: on w\d-/,
    new RegExp(`its output: firesteel logs ${app.id}/\\d+ --stderr`),
    /executor \d+ on w\d-\S+ ended EXITED: Command exited with code 9/,
  )
  await app.close()
})

test('waits for its restart: resting with the cause, restarted on request, told to end', async () => {
  const resting = await submit('failing', '--supervise')
  await explains(
    cluster,
    resting,
    'RESTING',
    /Its process ended, and w\d-\S+ starts it again (in [\d.]+ m?s at the latest|at once)\./,
    'Its last process (generation 1, attempt 1): Its program ended by itself, with exit 3. Its output says why',
    /generation 1, attempt 1 ended: exit 3; starts again at 20\S+Z \(epoch 1\)/,
  )
  await killed(resting)
  const stubborn = await submit('stubborn', '--supervise')
  const { pid } = await running(stubborn)
  await cluster.cli(['restart', stubborn])
  await explains(cluster, stubborn, 'BEING_RESTARTED', 'was told to end, and the next one starts after it.')
  process.kill(pid, 'SIGKILL')
  await explains(cluster, stubborn, 'RUNS', /its restart was asked for \(epoch 1\)/)
  await killed(stubborn)
  await explains(cluster, stubborn, 'ENDING', /It was told to end, and its process on w\d-\S+ still runs\./)
  await explains(
    cluster,
    stubborn,
    'KILL_ASKED',
    /It was killed on request of \S+@\S+, .*; its process ended with SIGKILL\./,
    'its end was asked for (epoch 1)',
  )
})

test('a program that is missing: the back-off of each Worker, then exclusion; an unsupervised one ends', async () => {
  const app = await cluster.connect({ name: 'holder', executor: { memory: '64m' } })
  await cluster.waitUntil('it has all cores', () => app.executors.length === 4)
  const late = await submit('late', '--supervise')
  const gone = await submit('gone')
  await rm(join(folder, 'late.mjs'))
  await rm(join(folder, 'gone.mjs'))
  await app.close()
  await explains(
    cluster,
    late,
    'LAUNCHES_FAILED',
    'Every Worker with room for it failed to start it, and is not tried for a while.',
    /failed launch(es)? in a row.*not tried for [\d.]+ m?s; the last one: FIRESTEEL_MAIN_NOT_FOUND: \S+late\.mjs does not exist/,
  )
  await explains(
    cluster,
    gone,
    'NOT_STARTED',
    /No Worker could start it: FIRESTEEL_MAIN_NOT_FOUND: \S+gone\.mjs does not exist/,
    'Mend what this names',
  )
  await explains(
    cluster,
    late,
    'ALL_EXCLUDED',
    /Launches of it have failed several times in a row on every Worker that is large enough\./,
    /3 failed launches in a row, so it is excluded/,
  )
  await killed(late)
})

test('ended by itself, by a signal, by a fault, by its memory, or too often', async () => {
  await explains(cluster, await submit('exit3'), 'EXIT', 'Its program ended by itself, with exit 3.')
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const id = await submit('service')
    process.kill((await running(id)).pid, signal)
    await explains(
      cluster,
      id,
      'SIGNALLED',
      `It was ended by ${signal}. Neither the cluster sent it, nor the kernel`,
    )
  }
  await explains(cluster, await submit('crash'), 'CRASHED', 'It crashed with SIGABRT: a fault in native code')
  await explains(
    cluster,
    await submit('heap'),
    'MEMORY_HEAP',
    /It ran out of memory by itself: .*the heap of Node was full at \d+ MiB, of the 96 MiB that it was given\./,
    'Give it more memory (--memory)',
  )
  await explains(
    cluster,
    await submit('buffers'),
    'MEMORY_LIMIT',
    /Its Worker killed it for its memory: .*it used \d{3} MiB of 96 MiB\./,
  )
  await explains(
    cluster,
    await submit('failing', '--supervise', '--max-restarts', '1'),
    'GIVEN_UP',
    'It failed too often: it failed 2 times; maxRestarts is 1; the last time: Command exited with code 3.',
    'Then submit it again, or with a larger --max-restarts.',
  )
})

test('a Worker is lost: a supervised driver waits for its own end there, another one has ended; the Worker says why', async () => {
  const supervised = await submit('service', '--supervise')
  const { worker } = await running(supervised)
  // They take all cores, so that one of them is beside it.
  const services = [await submit('service'), await submit('service'), await submit('service')]
  const places = await Promise.all(services.map(async (id) => ({ id, on: (await running(id)).worker })))
  const unsupervised = places.find(({ on }) => on === worker)?.id as string
  await cluster.kill(worker.slice(0, 2), 'SIGKILL')
  await explains(
    cluster,
    supervised,
    'FORMER_MAY_LIVE',
    /Its last process may still run on the Worker that it was on, which is lost\. It is started elsewhere (in|at)/,
    /worker lost: .* \(epoch 1\)/,
  )
  await explains(
    cluster,
    unsupervised,
    'WORKER_LOST',
    /The Worker that ran it was lost, and it is not supervised: worker lost: /,
    'With --supervise it would have been started on another Worker.',
  )
  await explains(cluster, supervised, 'RUNS', /launched as generation 2 on w\d-\S+ \(epoch 1\)/)
  await killed(...services.filter((id) => id !== unsupervised))
  await cluster.waitAlive()
  const last = await submit('service')
  await cluster.kill((await running(last)).worker.slice(0, 2), 'SIGTERM')
  await explains(
    cluster,
    last,
    'WORKER_STOPPED',
    'Its Worker ended it, and it is not supervised: Worker shutting down.',
  )
  await cluster.waitAlive()
  const now = (await statusOf<Row>(cluster, supervised)).worker as string
  assert.match((await explainedText(cluster, now))?.text ?? '', /It is alive \(heard last .* ago\) and has/)
})

test('killed by the kernel for lack of memory, with the figures', async (t) => {
  const group = memoryGroup(`firesteel-explain-${process.pid}`, 400)
  if (!group) {
    t.skip('this user may not make a group of processes with a bound of memory')
    return
  }
  const bound = await createTestCluster({ workers: 1, recovery: 'NONE' })
  try {
    await bound.waitAlive()
    // A Worker looks at the group that it begins in. Its launcher starts it again, in the same one.
    const launcher = readProcess(bound.node('w1').pid)?.parentPid as number
    group.add(launcher)
    await bound.kill('w1')
    await bound.waitUntil('the next process', () => bound.node('w1').starts === 2)
    // The kernel may kill a second process before it has freed the memory of the first.
    group.release(launcher)
    await bound.waitAlive()
    const id = await submitTo(bound, 'buffers', '--memory', '1g')
    await explains(
      bound,
      id,
      'MEMORY_KERNEL',
      /The kernel killed it, because the machine or its group had no memory left: SIGKILL, killed by the kernel, out of memory: .*was given 1 GiB\./,
      'Let the Worker offer less memory than its machine has',
    )
  } finally {
    await bound.stop()
    await waitUntil('its group to be empty', () => group.remove())
  }
})

test('no Worker at all, no leader, and what an error code means', async () => {
  const empty = await createTestCluster({ workers: 0, recovery: 'NONE' })
  try {
    await empty.waitAlive({ workers: 0 })
    const id = await submitTo(empty, 'service')
    await explains(
      empty,
      id,
      'NO_WORKER',
      'No Worker is alive.',
      'Start one, such as `firesteel worker firesteel://HOST:PORT`',
    )
    const app = await empty.connect({ name: 'alone' })
    await explains(empty, app.id, 'NO_WORKER', 'No Worker is alive.')
    await empty.freeze('m1')
    const { code, stderr } = await empty.cli(['explain', id, '--master-timeout', '1s'])
    assert.equal(code, 3)
    assert.match(
      stderr,
      /^FIRESTEEL_NO_MASTER: No Master leads, so nothing that waits is started; what runs goes on\. /m,
    )
    const meant = await empty.cli(['explain', 'FIRESTEEL_NO_MASTER'])
    assert.equal(meant.code, 0)
    assert.match(
      meant.stdout,
      /^FIRESTEEL_NO_MASTER\n\nWhat happened:\n {2}No ALIVE Master answered in time\./,
    )
    assert.match(meant.stdout, /Mostly because:\n {2}No Master runs at these addresses/)
    const json = await empty.cli(['explain', 'KEY_REUSED', '--json'])
    assert.equal((JSON.parse(json.stdout) as { code: string }).code, 'FIRESTEEL_KEY_REUSED')
    const unknown = await empty.cli(['explain', 'FIRESTEEL_NO_MASTR'])
    assert.equal(unknown.code, 4)
    assert.match(unknown.stderr, /Did you mean FIRESTEEL_NO_MASTER\?/)
  } finally {
    empty.thaw('m1')
    await empty.stop()
  }
})
