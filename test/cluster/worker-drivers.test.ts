import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { workerTimes } from '../../actors/worker/worker-identity.js'
import { readProcess } from '../../runtime/process/process-table.js'
import { waitUntil } from '../harness/wait-until.js'
import { launchDriver } from '../tools/worker-fixture.js'
import { dialAsClient, FakeMaster, startWorkerNode, Workshop } from './worker-fixture.js'

/* A real Worker with real drivers, under a small Master of the test. */

let workshop: Workshop
let master: FakeMaster
let node: Awaited<ReturnType<typeof startWorkerNode>>
let number = 0

const gone = (pid: number): boolean => {
  const entry = readProcess(pid)
  return entry === undefined || entry.state === 'Z'
}

before(async () => {
  workshop = await Workshop.make()
  master = await FakeMaster.start()
  const { restart } = workerTimes(6000)
  // Two spellings of one Master: they must not push each other out.
  const masters = [master.address, master.address.replace('127.0.0.1', 'localhost')]
  const times = { restart: { ...restart, firstMs: 50 }, killGraceMs: 300 }
  node = await startWorkerNode({ workDir: workshop.workDir, masters }, { times })
  await master.registered()
})
after(async () => {
  await node.close()
  await master.close()
  await workshop.remove()
})

/** Launches a driver and gives its id. */
function launch(main: string, more: Parameters<typeof launchDriver>[1] = {}): string {
  const driverId = `driver-20260101000000-1-${String(++number).padStart(4, '0')}`
  const workerId = node.worker.incarnation
  const description = { main, cwd: workshop.root, memoryMib: 256, ...more }
  master.tell(workerId, launchDriver(1, description, { driverId, workerId }))
  return driverId
}

const kill = (driverId: string): void =>
  master.tell(node.worker.incarnation, {
    type: 'KillDriver',
    workerId: node.worker.incarnation,
    driverId,
    generation: 1,
  })

test('a driver runs with its environment and boot line, its output in its folder', async () => {
  const main = await workshop.program(
    'hello.mjs',
    `import { readFileSync } from 'node:fs'
    const boot = JSON.parse(readFileSync(3, 'utf8'))
    const { FIRESTEEL_DRIVER_ID, FIRESTEEL_GENERATION, FIRESTEEL_MASTER, FIRESTEEL_SECRET, GREETING } = process.env
    console.log(JSON.stringify({ cwd: process.cwd(), subject: boot.subject, attempt: boot.driver.attempt,
      FIRESTEEL_DRIVER_ID, FIRESTEEL_GENERATION, FIRESTEEL_MASTER, FIRESTEEL_SECRET, GREETING }))
    console.error('to stderr')`,
  )
  const driverId = launch(main, { env: { GREETING: 'hi' } })
  const end = await master.driverEnd(driverId)
  assert.deepEqual([end.state, end.exitCode, end.attempt], ['FINISHED', 0, 1])
  const output = JSON.parse(await workshop.read(`work/${driverId}/stdout`))
  assert.deepEqual(output, {
    cwd: workshop.root,
    subject: `${driverId}/1`,
    attempt: 1,
    FIRESTEEL_DRIVER_ID: driverId,
    FIRESTEEL_GENERATION: '1',
    FIRESTEEL_MASTER: output.FIRESTEEL_MASTER,
    GREETING: 'hi',
  })
  assert.match(output.FIRESTEEL_MASTER, /^firesteel:\/\/127\.0\.0\.1:\d+,localhost:\d+$/)
  assert.equal(await workshop.read(`work/${driverId}/stderr`), 'to stderr\n')
})

test('a supervised driver runs again with back-off, as the next attempt, and goes back to its Master after the third', async () => {
  const main = await workshop.program(
    'again.mjs',
    `import { appendFileSync, readFileSync } from 'node:fs'
    const { driver } = JSON.parse(readFileSync(3, 'utf8'))
    appendFileSync('attempts', driver.attempt + ' ' + Date.now() + '\\n')
    process.exitCode = 3`,
  )
  const driverId = launch(main, { supervise: true })
  await waitUntil('the second attempt', async () => (await workshop.read('attempts')).includes('\n2 '))
  assert.equal(node.worker.status().drivers[0]?.state, 'RUNNING')
  const { state, crashes, exitCode, attempt, message } = await master.driverEnd(driverId)
  assert.deepEqual([state, crashes, exitCode, attempt], ['FAILED', 3, 3, 3])
  assert.match(message ?? '', /^it ended 3 times in a row soon after its start; .* exited with code 3$/)
  const attempts = (await workshop.read('attempts')).split('\n').filter(Boolean)
  assert.deepEqual(
    attempts.map((line) => line.split(' ')[0]),
    ['1', '2', '3'],
  )
  const [first, second, third] = attempts.map((line) => Number(line.split(' ')[1]))
  // Lower bounds only: 50 and 100 ms lie between the ends and the starts.
  assert.ok(second! - first! >= 50 && third! - second! >= 100, attempts.join())
  assert.equal(node.worker.status().coresUsed, 0)
})

test('a kill takes along what the driver started, even what ignores SIGTERM or left the group', async () => {
  const main = await workshop.program(
    'family.mjs',
    `import { spawn } from 'node:child_process'
    import { writeFileSync } from 'node:fs'
    process.on('SIGTERM', () => {})
    const deaf = spawn('sh', ['-c', 'trap "" TERM; while :; do sleep 1; done'], { stdio: 'ignore' })
    const away = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true })
    writeFileSync('family', [process.pid, deaf.pid, away.pid].join('\\n'))
    setInterval(() => {}, 1000)`,
  )
  const driverId = launch(main, { supervise: true })
  const pids = await waitUntil('the family', async () => {
    const found = await workshop.pids('family')
    return found.length === 3 ? found : undefined
  })
  kill(driverId)
  const end = await master.driverEnd(driverId)
  assert.equal(end.state, 'KILLED')
  assert.deepEqual(
    pids.filter((pid) => !gone(pid)),
    [],
    'nobody is left when the end is reported',
  )
})

test('what an ended driver leaves behind ends with it, before its room is free', async () => {
  const main = await workshop.program(
    'leaver.mjs',
    `import { spawn } from 'node:child_process'
    import { writeFileSync } from 'node:fs'
    const left = spawn('sleep', ['1000'], { stdio: 'ignore' })
    left.unref()
    writeFileSync('left', String(left.pid))`,
  )
  const end = await master.driverEnd(launch(main))
  assert.equal(end.state, 'FINISHED')
  assert.ok(gone((await workshop.pids('left'))[0]!))
})

test('a missing folder and a missing program are ERROR with a code; the Worker lives on', async () => {
  const missing = await master.driverEnd(launch('/x.js', { cwd: '/no/such/folder' }))
  assert.equal(missing.state, 'ERROR')
  assert.match(missing.message!, /^FIRESTEEL_FOLDER_MISSING: .*\/no\/such\/folder/)
  const none = await master.driverEnd(launch(workshop.path('none.js')))
  assert.match(none.message!, /^FIRESTEEL_MAIN_NOT_FOUND: /)
  assert.equal(node.worker.status().coresUsed, 0)
})

test('a driver above its memory is killed, with the figures in its end', async () => {
  const main = await workshop.program(
    'eater.mjs',
    `const held = []
    setInterval(() => held.push(Buffer.alloc(32 * 1024 * 1024, 1)), 20)`,
  )
  const end = await master.driverEnd(launch(main, { memoryMib: 200 }))
  assert.deepEqual([end.state, end.signal], ['FAILED', 'SIGKILL'])
  assert.match(end.message!, /^Killed: it used [\d.]+ [MG]iB of the 200 MiB it was given$/)
})

test('the guard of the Worker is replaced when it dies, and knows what runs', async () => {
  const first = node.worker.guardPid!
  process.kill(first, 'SIGKILL')
  const second = await waitUntil('another guard', () => {
    const pid = node.worker.guardPid
    return pid !== undefined && pid !== first ? pid : undefined
  })
  assert.ok(!gone(second))
})

test('logs: a client gets the output, the last lines of it, or what comes until the driver ends', async () => {
  const main = await workshop.program(
    'talker.mjs',
    `import { existsSync } from 'node:fs'
    console.log('one\\ntwo\\nthree')
    const wait = setInterval(() => { if (existsSync('go')) { console.log('four'); clearInterval(wait) } }, 20)`,
  )
  const driverId = launch(main)
  await waitUntil('three lines', async () =>
    (await workshop.read(`work/${driverId}/stdout`)).includes('three'),
  )
  const client = await dialAsClient(node.port)
  const request = { type: 'RequestLog', id: driverId, output: 'stdout', follow: false } as const
  const chunks = (stream: string) =>
    client.received.map(({ message }) => message).filter((message) => message.stream === stream)
  const text = (stream: string): string =>
    chunks(stream)
      .map(({ data }) => Buffer.from(String(data), 'base64').toString())
      .join('')
  const ended = (stream: string) =>
    waitUntil(`the end of ${stream}`, () => chunks(stream).find(({ end }) => end))

  client.ask({ ...request, stream: 'all' })
  client.ask({ ...request, stream: 'tail', tailLines: 1 })
  client.ask({ ...request, stream: 'follow', follow: true })
  client.ask({ ...request, stream: 'stopped', follow: true })
  await Promise.all([ended('all'), ended('tail')])
  assert.deepEqual([text('all'), text('tail')], ['one\ntwo\nthree\n', 'three\n'])
  await waitUntil('the followed lines', () => text('stopped').includes('three'))
  client.ask({ type: 'StopLog', stream: 'stopped' })
  await workshop.program('go', '')
  await ended('follow')
  assert.equal(text('follow'), 'one\ntwo\nthree\nfour\n')
  assert.equal(text('stopped'), 'one\ntwo\nthree\n')

  for (const id of ['driver-none', '../../etc/passwd', `${driverId}/../..`, 'app-1/../../x']) {
    client.ask({ ...request, stream: id, id })
    const answer = await ended(id)
    assert.match(String(answer.error), /^FIRESTEEL_UNKNOWN_ID: /)
  }
  client.link.close()
})

test('a large log arrives whole, in chunks that fit', async () => {
  const main = await workshop.program(
    'large.mjs',
    `import { writeSync } from 'node:fs'
    const line = Buffer.from('x'.repeat(1023) + '\\n')
    for (let i = 0; i < 3000; i++) writeSync(1, line)`,
  )
  const driverId = launch(main)
  await master.driverEnd(driverId)
  const client = await dialAsClient(node.port)
  client.ask({ type: 'RequestLog', stream: 's', id: driverId, output: 'stdout', follow: true })
  await waitUntil('the end', () => client.received.some(({ message }) => message.end))
  const sizes = client.received.map(({ message }) => String(message.data).length)
  assert.ok(Math.max(...sizes) <= 65_536)
  const bytes = client.received.map(({ message }) => Buffer.from(String(message.data), 'base64').length)
  assert.equal(
    bytes.reduce((sum, length) => sum + length, 0),
    3000 * 1024,
  )
  client.link.close()
})

test('a link that breaks loses no end: it is told on the next link', async () => {
  const main = await workshop.program(
    'quick.mjs',
    `import { existsSync } from 'node:fs'
    const wait = setInterval(() => { if (existsSync('finish')) clearInterval(wait) }, 20)`,
  )
  const driverId = launch(main)
  await waitUntil('it runs', () => existsSync(workshop.path(`work/${driverId}/stdout`)))
  const before = master.all('WorkerSchedulerStateResponse').length
  master.links.get(node.worker.incarnation)?.close('broken by the test')
  await workshop.program('finish', '')
  const end = await master.driverEnd(driverId)
  assert.equal(end.state, 'FINISHED')
  await waitUntil('the report', () => master.all('WorkerSchedulerStateResponse').length > before)
})

test('logs: a driver that puts a link, or a hole, in the place of its output gives nothing else away', async () => {
  await workshop.program('secret.txt', 'the secret\n')
  const main = await workshop.program(
    'planter.mjs',
    `import { renameSync, symlinkSync, truncateSync } from 'node:fs'
    const folder = 'work/' + process.env.FIRESTEEL_DRIVER_ID
    symlinkSync(process.cwd() + '/secret.txt', folder + '/planted')
    renameSync(folder + '/planted', folder + '/stdout')
    truncateSync(folder + '/stderr', 2 ** 40)
    console.error('last words')`,
  )
  const driverId = launch(main)
  assert.equal((await master.driverEnd(driverId)).state, 'FINISHED')
  const client = await dialAsClient(node.port)
  const chunks = (stream: string) =>
    client.received.map(({ message }) => message).filter((message) => message.stream === stream)
  const text = (stream: string): string =>
    chunks(stream)
      .map(({ data }) => Buffer.from(String(data), 'base64').toString())
      .join('')
  for (const output of ['stdout', 'stderr'] as const) {
    client.ask({ type: 'RequestLog', id: driverId, output, follow: false, stream: output })
    await waitUntil(`the end of ${output}`, () => chunks(output).find(({ end }) => end))
  }
  assert.equal(text('stdout'), '')
  assert.match(String(chunks('stdout').at(-1)?.error), /^FIRESTEEL_NOT_ALLOWED/)
  assert.match(text('stderr'), /last words\n$/)
  assert.ok(text('stderr').length < 1_000_000)
})
