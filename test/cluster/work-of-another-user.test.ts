import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { waitUntil } from '../harness/wait-until.js'
import { errorOf, firesteel, folder, startUp } from '../tools/command-fixture.js'
import { ASKING, statusOf } from '../tools/status.js'

/* `runAs` and `codeRoots` of Workers, with real processes and, as root, another user. */

const NOBODY = 65_534
const skip = process.getuid?.() === 0 ? false : 'only root can start work as another user'

/** Says who it is, and what it can read of what it should not. */
const CURIOUS = `
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { connect } from '${new URL('../../actors/client/index.js', import.meta.url)}'
const [state, ...more] = process.argv.slice(2)
const can = (read) => { try { read(); return true } catch (error) { return error.code } }
writeFileSync('mine', 'x')
console.log(JSON.stringify({
  uid: process.getuid(), gid: process.getgid(), groups: process.getgroups(), home: process.env.HOME,
  secret: can(() => readFileSync(state + '/secret')),
  store: can(() => readdirSync(state + '/state')),
  works: can(() => readdirSync(state + '/work/w1')),
  other: can(() => readdirSync(state + '/work/w2')),
  launcher: can(() => readFileSync('/proc/' + more[0] + '/environ')),
  worker: can(() => readFileSync('/proc/' + process.ppid + '/environ')),
  kill: can(() => process.kill(Number(more[0]), 0)),
}))
const app = await connect({ cores: 1, executor: { memory: '128m', on: { user: 'nobody' } } })
const { who } = app.tasks(new URL('./tasks.mjs', import.meta.url))
console.log(JSON.stringify(await who()))
setInterval(() => {}, 1000)
`
const TASKS = `
import { writeFileSync } from 'node:fs'
export const who = () => { writeFileSync('of-a-task', 'x'); return { uid: process.getuid(), cwd: process.cwd() } }
`
const FILE = `
cluster: test
recovery: {mode: FILESYSTEM, directory: .firesteel/state}
masters: [{name: m1, port: 0, web: 0}]
workers:
  - {name: w1, port: 0, web: 0, cores: 2, memory: 1g, runAs: nobody, labels: {user: nobody}}
  - {name: w2, port: 0, web: 0, cores: 2, memory: 1g, labels: {user: own}}
code: {inPlace: false}
logging: {level: warn, format: text}
`

interface Drivers {
  readonly drivers: readonly {
    readonly id: string
    readonly state: string
    readonly worker?: string | null
    readonly message?: string
  }[]
}

test('runAs: work is that user with its own folder, its code, and nothing of the cluster or of other work', {
  skip,
}, async (t) => {
  const cwd = await folder(t, { 'c.yaml': FILE })
  chmodSync(cwd, 0o755)
  // The code of its user is closed to others: it travels.
  const code = join(cwd, 'program')
  mkdirSync(code, { mode: 0o700 })
  for (const [name, text] of Object.entries({
    'curious.mjs': CURIOUS,
    'tasks.mjs': TASKS,
    'package.json': '{}',
  }))
    writeFileSync(join(code, name), text)
  const up = await startUp(t, cwd, ['c.yaml'])
  const ready = await up.ready()
  const state = join(cwd, '.firesteel')
  const submitted = await firesteel(
    [
      'submit',
      '--json',
      '--memory',
      '128m',
      '--on',
      'user=nobody',
      join(code, 'curious.mjs'),
      state,
      String(up.pid),
    ],
    { cwd },
  )
  assert.equal(submitted.code, 0, submitted.stderr)
  const { id } = JSON.parse(submitted.stdout) as { id: string }
  const work = join(state, 'work/w1')
  const output = join(work, id, 'stdout')
  const lines = await waitUntil('the driver and its task to speak', () => {
    const found = existsSync(output) ? readFileSync(output, 'utf8').trim().split('\n') : []
    const errors = existsSync(join(work, id, 'stderr')) ? readFileSync(join(work, id, 'stderr'), 'utf8') : ''
    assert.equal(errors, '')
    return found.length === 2 ? found : undefined
  })
  const [driver, task] = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(driver, {
    ...{ uid: NOBODY, gid: NOBODY, groups: [NOBODY], home: driver?.home },
    ...{ secret: 'EACCES', store: 'EACCES', works: 'EACCES', other: 'EACCES' },
    ...{ launcher: 'EACCES', worker: 'EACCES', kill: 'EPERM' },
  })
  assert.notEqual(driver?.home, process.env.HOME)
  assert.equal(task?.uid, NOBODY)

  const ownersOf = (path: string): number[] =>
    readdirSync(path).map((name) => lstatSync(join(path, name)).uid)
  const application = readdirSync(work).find((name) => name.startsWith('app-'))!
  for (const path of [join(work, id), join(work, application, '0')]) {
    assert.deepEqual([statSync(path).uid, statSync(path).mode & 0o777], [NOBODY, 0o700], path)
    assert.ok(ownersOf(path).filter((uid) => uid === NOBODY).length >= 3, `${path}: outputs and its own file`)
  }
  const closed = [state, join(state, 'work'), work, join(work, application)]
  for (const path of closed)
    assert.deepEqual([statSync(path).uid, statSync(path).mode & 0o077], [0, 0o011], path)
  assert.equal(statSync(join(state, 'work/w2')).mode & 0o777, 0o700)

  // It ends as all work does, although it is another user.
  assert.equal((await firesteel(['kill', id], { cwd })).code, 0)
  await waitUntil(
    'the driver to be killed',
    async () => {
      const { drivers } = await statusOf<Drivers>({
        address: ready.master,
        directory: cwd,
      })
      return drivers.find((one) => one.id === id)?.state === 'KILLED'
    },
    ASKING,
  )
})

test('runAs of a user that does not exist keeps the Worker from starting, and says why', {
  skip,
}, async (t) => {
  const cwd = await folder(t, { 'c.yaml': FILE.replace('runAs: nobody', 'runAs: no-such-user') })
  const outcome = await firesteel(['up', '--json', 'c.yaml'], { cwd })
  assert.equal(outcome.code, 2, outcome.stderr)
  assert.equal(errorOf(outcome).code, 'FIRESTEEL_RUN_AS_REFUSED')
})

const ROOTS = (second: string): string => `
cluster: test
recovery: {mode: FILESYSTEM}
masters: [{name: m1, port: 0, web: 0}]
workers:
  - {name: w1, port: 0, web: 0, cores: 2, memory: 1g, codeRoots: [jobs], allowEnv: [APP_*]}
${second}
logging: {level: warn, format: text}
`

interface Submitter {
  readonly cwd: string
  readonly master: string
  submit(...args: string[]): Promise<string>
}

async function upWith(t: TestContext, second = ''): Promise<Submitter> {
  const stays = 'console.log(process.env.APP_MODE)\nsetInterval(() => {}, 1000)'
  const cwd = await folder(t, { 'c.yaml': ROOTS(second), 'outside.mjs': stays })
  mkdirSync(join(cwd, 'jobs'))
  writeFileSync(join(cwd, 'jobs/inside.mjs'), stays)
  const { master } = await (await startUp(t, cwd, ['c.yaml'])).ready()
  const submit = async (...args: string[]): Promise<string> => {
    const outcome = await firesteel(['submit', '--json', '--memory', '128m', ...args], { cwd })
    assert.equal(outcome.code, 0, outcome.stderr)
    return (JSON.parse(outcome.stdout) as { id: string }).id
  }
  return { cwd, master, submit }
}

test('code roots: what comes from elsewhere is refused with a code, and explain says it', async (t) => {
  const { cwd, submit } = await upWith(t)
  const explains = (id: string, text: RegExp): Promise<unknown> =>
    waitUntil(`explain ${id} to say ${text}`, async () => {
      const { stdout } = await firesteel(['explain', id], { cwd })
      if (!text.test(stdout.replaceAll(/\s+/g, ' '))) throw new Error(stdout)
      return true
    })
  const inside = await submit('--env', 'APP_MODE=good', 'jobs/inside.mjs')
  const output = join(cwd, '.firesteel/work/w1', inside, 'stdout')
  await waitUntil(
    'the driver inside to run',
    () => existsSync(output) && readFileSync(output, 'utf8') === 'good\n',
  )
  await explains(await submit('outside.mjs'), /FIRESTEEL_CODE_NOT_ALLOWED: \S+outside\.mjs is refused on/)
  await explains(
    await submit('--env', 'LD_PRELOAD=/tmp/x.so', 'jobs/inside.mjs'),
    /FIRESTEEL_ENV_NOT_ALLOWED: the environment variable LD_PRELOAD is refused/,
  )
  const each = await firesteel(['each', '--json', '--retries', '1', 'echo', 'x'], { cwd })
  assert.notEqual(each.code, 0)
  assert.match(each.stdout, /a command line is refused on 127\.0\.0\.1, which runs only code in/)
})

test('code roots: what one Worker refuses goes to another', async (t) => {
  const { cwd, master, submit } = await upWith(
    t,
    '  - {name: w2, port: 0, web: 0, cores: 1, memory: 1g, labels: {free: "yes"}}',
  )
  const driverNow = async (id: string): Promise<Drivers['drivers'][number] | undefined> =>
    (await statusOf<Drivers>({ address: master, directory: cwd })).drivers.find((one) => one.id === id)
  const runsOn = (id: string, worker: string): Promise<unknown> =>
    waitUntil(
      `${id} to run on ${worker}`,
      async () => {
        const found = await driverNow(id)
        return found?.state === 'RUNNING' && found.worker?.startsWith(worker) === true
      },
      ASKING,
    )
  const blocker = await submit('--on', 'free=yes', 'outside.mjs')
  await runsOn(blocker, 'w2-')
  const outside = await submit('outside.mjs')
  await waitUntil(
    'w1 to have refused it',
    async () => ((await driverNow(outside))?.message ?? '').includes('CODE_NOT_ALLOWED'),
    ASKING,
  )
  assert.equal((await firesteel(['kill', blocker], { cwd })).code, 0)
  await runsOn(outside, 'w2-')
})
