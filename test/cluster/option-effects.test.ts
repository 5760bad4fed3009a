import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, realpathSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, connect as dialTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { App, ExecutorFailure } from '../../actors/client/app.js'
import { connect } from '../../actors/client/connect.js'
import type { ConnectOptions, ExecutorOptions } from '../../actors/client/connect-options.js'
import type { OutputLine } from '../../actors/client/output-pieces.js'
import type { Log } from '../../runtime/observe/log.js'
import { freePort } from '../harness/free-port.js'
import { makeCertificates } from '../harness/test-certificates.js'
import { waitUntil } from '../harness/wait-until.js'
import { firesteel } from '../tools/command-fixture.js'

/*
 * Every option of `connect()`, `submit` and `run`, by its effect on a real cluster; those of `tasks()`,
 * `map()` and `each()` are in `tasks-options`. An option that is not here does not compile, or fails the last
 * test of its kind.
 */

let cwd: string
let address: string
let secret: string

const client = fileURLToPath(new URL('../../actors/client/index.js', import.meta.url))
const tasks = new URL('./option-tasks.js', import.meta.url)

const files: Readonly<Record<string, string>> = {
  'c.yaml': `
cluster: options
recovery: {mode: FILESYSTEM}
masters: [{name: m1, port: 0, web: 0}]
workers:
  - {name: w1, port: 0, web: 0, cores: 2, memory: 2g, resources: {gpu: ['0', '1']}}
  - {name: w2, port: 0, web: 0, cores: 2, memory: 2g, labels: {zone: b}}
logging: {level: warn, format: text}
`,
  'facts.mjs': `
console.log(JSON.stringify({
  variable: process.env.OPTION_EFFECT ?? '',
  resources: process.env.FIRESTEEL_RESOURCES ?? '',
  execArgv: process.execArgv,
  args: process.argv.slice(2),
}))`,
  'copies/copies.yaml': `
cluster: copies
recovery: {mode: FILESYSTEM}
masters: [{port: 0, web: 0}]
workers: [{port: 0, web: 0, cores: 1, memory: 1g}]
code: {inPlace: false}
logging: {level: warn, format: text}
`,
  'copied/package.json': JSON.stringify({ dependencies: { dep: '1' } }),
  'copied/node_modules/dep/index.js': '',
  'copied/place.mjs': 'export const place = () => import.meta.url',
  'copied/job.mjs': `console.log(import.meta.url, await import('dep').then(() => 'has dep', () => 'has no dep'))`,
  'copied/app.mjs': `
import { connect } from ${JSON.stringify(client)}
const app = await connect()
app.on('executorFailed', ({ reason }) => { console.log(reason.code); process.exit(7) })
const { place } = app.tasks(new URL('./tasks.mjs', import.meta.url))
console.log(await place())
await app.close()`,
  'copied/tasks.mjs': `
export const place = async () => import.meta.url + ' ' + await import('dep').then(() => 'has dep', () => 'has no dep')`,
  'job.env': '# of the job\nOPTION_EFFECT="of a file"\n',
  'idle.mjs': `
import { connect } from ${JSON.stringify(client)}
const app = await connect({ executors: 1, executor: { memory: '128m' } })
await app.tasks(${JSON.stringify(tasks)}).facts()
const end = Date.now() + 20_000
while (app.executors.length > 0 && Date.now() < end) await new Promise((next) => setTimeout(next, 50))
console.log(JSON.stringify({ variable: app.executors.length === 0 ? 'given back' : 'kept' }))
await app.close()`,
  'task.mjs': `
import { connect } from ${JSON.stringify(client)}
const app = await connect({ executors: 1, executor: { memory: '128m' } })
await app.tasks(${JSON.stringify(tasks)}).facts()
console.log(app.id)
await app.close()`,
  'say.mjs': `
import { connect } from ${JSON.stringify(client)}
const app = await connect({ executors: 1, executor: { memory: '128m' } })
await app.tasks(${JSON.stringify(tasks)}).say('hello')
console.log('done')
await app.close()`,
  'shown.mjs': `
import { connect } from ${JSON.stringify(client)}
const app = await connect({ executors: 0, output: true })
await app.close()`,
  'stays.mjs': 'setInterval(() => {}, 1000)',
  'told.mjs': `
import { writeFileSync } from 'node:fs'
process.on('SIGINT', () => { writeFileSync(process.argv[2], 'SIGINT'); process.exit(3) })
console.log('runs')
setInterval(() => {}, 1000)`,
  'stubborn.mjs': `
process.on('SIGTERM', () => console.log('asked'))
console.log('runs', process.pid)
setInterval(() => {}, 1000)`,
  'opens.mjs': `
console.log('it begins')
setTimeout(() => console.log('now it is open'), 500)
setInterval(() => {}, 1000)`,
  'once-more.mjs': `
import { existsSync, writeFileSync } from 'node:fs'
if (existsSync(process.argv[2])) process.exit(0)
writeFileSync(process.argv[2], '')
process.exit(7)`,
  'third-time.mjs': `
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
const [, , path] = process.argv
const runs = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0
writeFileSync(path, String(runs + 1))
process.exit(runs < 2 ? 7 : 0)`,
  'app.mjs': `
import { connect } from ${JSON.stringify(client)}
const app = await connect({ executors: 0 })
console.log(JSON.stringify({ id: app.id, variable: process.env.OPTION_EFFECT ?? '', execArgv: process.execArgv }))
await app.close()`,
}

before(async () => {
  cwd = realpathSync(await mkdtemp(join(tmpdir(), 'firesteel-options-')))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(cwd, name)), { recursive: true })
    await writeFile(join(cwd, name), content)
  }
  const { code, stderr } = await firesteel(['up', 'c.yaml', '--detach'], { cwd })
  assert.equal(code, 0, stderr)
  const state = JSON.parse(readFileSync(join(cwd, '.firesteel/cluster.json'), 'utf8')) as {
    masters: string[]
  }
  address = state.masters.join(',').replaceAll(',firesteel://', ',')
  secret = readFileSync(join(cwd, '.firesteel/secret'), 'utf8').trim()
})

after(async () => {
  await firesteel(['down'], { cwd })
  await rm(cwd, { recursive: true, force: true, maxRetries: 3 })
})

/** What the page of an application that has ended says of its tasks. */
async function pageOfTasks(id: string): Promise<string> {
  const { stdout } = await firesteel(['ui', '--json'], { cwd })
  const { origin } = new URL((JSON.parse(stdout) as { url: string }).url)
  return await (await fetch(`${origin}/applications/${id}`)).text()
}
const HAS_TASKS = /<dt>Done<\/dt><dd>[12]<\/dd>/
const HAS_NO_TASKS = /Nothing is known of its tasks/

// connect()

/** An application with these options, and what `use` makes of it when its executors are there. */
async function withApp<T>(
  options: ConnectOptions,
  executors: number,
  use: (app: App) => Promise<T> | T,
  to = address,
): Promise<T> {
  const app = await connect(to, { ...(to === 'local' ? {} : { secret }), ...options })
  try {
    const ready = new Set<number>()
    app.on('executorReady', ({ id }) => void ready.add(id))
    // Those that were ready before anybody listened have their first result.
    const { facts } = tasksOf(app)
    if (executors > 0) await facts()
    await waitUntil(`${executors} executors`, () => app.executors.length === executors)
    return await use(app)
  } finally {
    await app.close()
  }
}

const tasksOf = (app: App) => app.tasks<typeof import('./option-tasks.js')>(tasks)
const factsWith = (executor: ExecutorOptions) =>
  withApp({ executor, executors: 1 }, 1, (app) => tasksOf(app).facts())

type Nested = 'executor' | 'listen' | 'limits' | 'local'
type NestedNames = {
  [K in Nested]: `${K}.${keyof NonNullable<ConnectOptions[K]> & string}`
}[Nested]
type ConnectOptionName = Exclude<keyof ConnectOptions, Nested> | NestedNames

/** A folder of code, and the module in it. */
const copied = () => {
  const code = pathToFileURL(join(cwd, 'copied/'))
  return { code, url: new URL('place.mjs', code) }
}
const placeOf = (app: App): Promise<string> => app.tasks<{ place(): string }>(copied().url).place()

/** A cluster whose Workers use no file where it lies. */
async function withCopiesCluster<T>(use: (master: string, secret: string) => Promise<T>): Promise<T> {
  const folder = join(cwd, 'copies')
  const { stdout, code, stderr } = await firesteel(['up', 'copies.yaml', '--detach', '--json'], {
    cwd: folder,
  })
  assert.equal(code, 0, stderr)
  try {
    const { master } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { master: string }
    return await use(master, readFileSync(join(folder, '.firesteel/secret'), 'utf8').trim())
  } finally {
    await firesteel(['down'], { cwd: folder })
  }
}

const withCopies = <T>(options: ConnectOptions, use: (app: App) => Promise<T>): Promise<T> =>
  withCopiesCluster(async (master, own) => {
    const app = await connect(master, { secret: own, ...options })
    try {
      return await use(app)
    } finally {
      await app.close()
    }
  })

/** What a command says whose program is in the folder of code, on that cluster. */
const ofCopies = (...args: string[]) =>
  withCopiesCluster((master, own) => {
    const [command, ...rest] = args as [string, ...string[]]
    const env = { FIRESTEEL_SECRET: own }
    return firesteel([command, '--master', master, ...rest], { cwd: join(cwd, 'copied'), env })
  })

const connectEffects: Record<ConnectOptionName, () => Promise<void>> = {
  tls: async () => {
    const { ca } = await makeCertificates(cwd)
    await assert.rejects(
      withApp({ tls: { ca } }, 0, () => undefined),
      { code: 'FIRESTEEL_TLS_MISMATCH' },
    )
  },
  name: () =>
    withApp({ name: 'an effect', executors: 0 }, 0, async (app) => {
      const { stdout } = await firesteel(['status', app.id, '--json'], { cwd })
      assert.equal((JSON.parse(stdout) as { name: string }).name, 'an effect')
    }),
  cores: async () => {
    await withApp({}, 4, () => undefined)
    await withApp({ cores: 3 }, 3, () => undefined)
  },
  executors: async () => {
    await withApp({ executors: 2 }, 2, () => undefined)
    await withApp({ executors: 0 }, 0, async (app) => {
      const why = new Promise<string>((resolve) => app.on('waiting', ({ reason }) => resolve(reason)))
      const call = tasksOf(app).facts()
      assert.equal(await why, 'ASKS_NONE')
      await app.requestExecutors(1)
      await call
    })
  },
  'executor.cores': async () => {
    assert.deepEqual(
      await withApp({ executor: { cores: 2 } }, 2, (app) => app.executors.map(({ cores }) => cores)),
      [2, 2],
    )
    assert.equal((await factsWith({ cores: 2 })).cores, 2)
  },
  'executor.tasksPerCore': async () => {
    await withApp({ executor: { tasksPerCore: 5 }, executors: 1 }, 1, async (app) => {
      const most = await Promise.all(Array.from({ length: 15 }, () => tasksOf(app).together(5)))
      assert.equal(Math.max(...most), 5)
    })
    await withApp({ executors: 1 }, 1, async (app) => {
      assert.deepEqual(await Promise.all([1, 1, 1].map((count) => tasksOf(app).together(count))), [1, 1, 1])
    })
  },
  'executor.maxTasks': () =>
    withApp({ executor: { maxTasks: 2 }, executors: 1 }, 1, async (app) => {
      const ids = new Set<number>(app.executors.map(({ id }) => id))
      app.on('executorAdded', ({ id }) => ids.add(id))
      for (let n = 0; n < 6; n++) await tasksOf(app).facts()
      assert.ok(ids.size >= 3, `${ids.size} executors for six tasks`)
      assert.deepEqual([app.stats().lost, app.stats().retried], [0, 0])
    }),
  'executor.maxMemory': () =>
    withApp({ executor: { memory: '700m', maxMemory: '250m' }, executors: 1 }, 1, async (app) => {
      const [first] = app.executors
      const leaving = new Promise<string>((resolve) =>
        app.on('executorDecommissioned', ({ reason }) => resolve(reason)),
      )
      assert.equal(await tasksOf(app).holds(300), 300)
      assert.match(await leaving, /^it uses \d+ MiB; maxMemory is 250 MiB$/)
      await waitUntil('another executor', () => app.executors.some(({ id }) => id !== first?.id))
      await tasksOf(app).facts()
      assert.deepEqual([app.stats().lost, app.stats().retried], [0, 0])
    }),
  'executor.memory': async () => {
    const [small, byDefault] = [await factsWith({ memory: '256m' }), await factsWith({})]
    assert.ok(small.heapMib < 0.7 * byDefault.heapMib, `${small.heapMib} and ${byDefault.heapMib} MiB`)
  },
  'executor.resources': async () => {
    assert.equal((await factsWith({ resources: { gpu: 2 } })).gpus, 2)
    assert.equal((await factsWith({})).gpus, 0)
  },
  'executor.on': () =>
    withApp({ executor: { on: { zone: 'b' } } }, 2, (app) => {
      const workers = app.executors.map(({ workerId }) => workerId.split('-')[0])
      assert.deepEqual(workers, ['w2', 'w2'])
    }),
  'executor.env': async () => {
    assert.equal((await factsWith({ env: { OPTION_EFFECT: 'here' } })).variable, 'here')
    assert.equal((await factsWith({})).variable, '')
  },
  'executor.nodeOptions': async () => {
    assert.ok((await factsWith({ nodeOptions: ['--no-deprecation'] })).execArgv.includes('--no-deprecation'))
    assert.ok(!(await factsWith({})).execArgv.includes('--no-deprecation'))
  },
  'executor.idleTimeout': () =>
    withApp({ executor: { idleTimeout: '300ms' } }, 0, async (app) => {
      await tasksOf(app).facts()
      await waitUntil('idle executors to be given back', () => app.executors.length === 0)
      assert.equal((await tasksOf(app).facts()).cores, 1, 'asked for again')
    }),
  summaries: async () => {
    const pageOf = async (summaries: boolean) => {
      const id = await withApp({ summaries, executors: 1 }, 1, async (app) => {
        await tasksOf(app).facts()
        return app.id
      })
      return pageOfTasks(id)
    }
    assert.match(await pageOf(true), HAS_TASKS)
    assert.match(await pageOf(false), HAS_NO_TASKS)
  },
  output: async () => {
    const lines: OutputLine[] = []
    await withApp({ output: (line) => void lines.push(line), executors: 1 }, 1, (app) =>
      tasksOf(app).say('hello'),
    )
    const of = ({ executor, output, attempt, text }: OutputLine) => [executor, output, attempt, text]
    // What the executor itself says of its end may still come, or not.
    const ofTasks = lines.filter(({ text }) => !/ executor \S+ ends: SIGTERM$/.test(text))
    assert.deepEqual(ofTasks.map(of).sort(), [
      [0, 'stderr', 1, 'loud hello'],
      [0, 'stdout', 1, 'and more \\u001b[2J'],
      [0, 'stdout', 1, 'hello'],
    ])
    assert.ok(ofTasks.every(({ task }) => task !== undefined && task > 0))
    // A driver of the cluster has no key for Workers. It says so, and works.
    const { code, stderr } = await call('submit', '--wait', '--memory', '128m', 'shown.mjs')
    assert.equal(code, 0, stderr)
    assert.match(stderr, /a driver that was submitted cannot read what its executors print/)
  },
  signal: async () => {
    const aborter = new AbortController()
    const app = await connect(address, { secret, executors: 0, signal: aborter.signal })
    const closed = new Promise((resolve) => app.on('closed', resolve))
    aborter.abort()
    await closed
  },
  masterTimeout: async () => {
    await assert.rejects(connect('firesteel://127.0.0.1:1', { secret, masterTimeout: '300ms' }), {
      code: 'FIRESTEEL_NO_MASTER',
      message: /within 300 ms/,
    })
  },
  secret: async () => {
    await assert.rejects(
      connect(address, { secret: 'another secret than theirs, long enough', executors: 0 }),
      {
        code: 'FIRESTEEL_SECRET_WRONG',
      },
    )
  },
  token: async () => {
    const made = ['token', 'create', '--role', 'submit', '--name', 'an-effect', '--json']
    const { token } = JSON.parse((await firesteel(made, { cwd })).stdout) as { token: string }
    await using app = await connect(address, { token, executors: 0 })
    const { stdout } = await firesteel(['status', app.id, '--json'], { cwd })
    assert.equal((JSON.parse(stdout) as { owner: string }).owner, 'an-effect')
  },
  'listen.host': () =>
    withApp({ listen: { host: '127.0.0.2' }, executors: 1 }, 1, async (app) => {
      assert.equal((await tasksOf(app).facts()).cores, 1)
    }),
  'listen.port': async () => {
    const port = await freePort()
    await withApp({ listen: { port }, executors: 0 }, 0, async () => {
      const socket = dialTcp(port, '127.0.0.1')
      await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
      socket.destroy()
    })
  },
  'listen.advertise': async () => {
    const port = await freePort()
    const server = createServer()
    // A refused executor is followed by another, so there may be a second connection.
    server.on('connection', (socket) => socket.destroy())
    const dialled = once(server, 'connection')
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.3', resolve))
    const listen = { host: '127.0.0.1', port, advertise: '127.0.0.3' }
    const app = await connect(address, { secret, executors: 1, listen })
    await dialled
    await app.close()
    await new Promise((resolve) => server.close(resolve))
  },
  'limits.maxInputBytes': () =>
    withApp({ limits: { maxInputBytes: 1000 }, executors: 1 }, 1, async (app) => {
      const { sizeOf } = tasksOf(app)
      assert.equal(await sizeOf(new Uint8Array(900)), 900)
      await assert.rejects(sizeOf(new Uint8Array(1001)), { code: 'FIRESTEEL_INPUT_TOO_LARGE' })
    }),
  'limits.maxResultBytes': () =>
    withApp({ limits: { maxResultBytes: 1000 }, executors: 1 }, 1, async (app) => {
      const { bytes } = tasksOf(app)
      assert.equal((await bytes(900)).length, 900)
      await assert.rejects(bytes(1001), { code: 'FIRESTEEL_RESULT_TOO_LARGE' })
    }),
  code: async () => {
    const { code } = copied()
    assert.match(await withCopies({ code }, placeOf), /\/code\/[0-9a-f]{64}\/files\/place\.mjs$/)
    assert.equal(await withCopies({ code: false }, placeOf), new URL('place.mjs', code).href)
  },
  'limits.maxCodeBytes': () =>
    withCopies({ code: copied().code, limits: { maxCodeBytes: 5 } }, async (app) => {
      const failed = new Promise<ExecutorFailure>((resolve) => app.on('executorFailed', resolve))
      void placeOf(app).catch(() => undefined)
      const { reason } = await failed
      assert.equal(reason.kind === 'start' && reason.code, 'FIRESTEEL_CODE_TOO_LARGE')
    }),
  // Room for one executor of 512 MiB on each.
  'local.workers': () =>
    withApp({ local: { workers: 2, cores: 2, memory: '600m' } }, 2, namesTwoWorkers, 'local'),
  'local.memory': () =>
    withApp({ local: { workers: 1, cores: 4, memory: '1100m' } }, 2, () => undefined, 'local'),
  'local.cores': () =>
    withApp({ local: { workers: 1, cores: 3, memory: '4g' } }, 3, () => undefined, 'local'),
  log: async () => {
    const lines: string[] = []
    const keep = (text: string): void => void lines.push(text)
    const log: Log = {
      error: keep,
      warn: keep,
      info: keep,
      debug: keep,
      isEnabled: () => true,
      child: () => log,
    }
    await withApp({ log, executors: 1 }, 1, async (app) => {
      const [executor] = app.executors
      await firesteel(['kill', `${app.id}/${executor?.id}`], { cwd })
      await waitUntil('the loss in the log', () => lines.some((text) => /an executor is lost/.test(text)))
    })
  },
}

function namesTwoWorkers(app: App): void {
  assert.equal(new Set(app.executors.map(({ workerId }) => workerId)).size, 2)
}

for (const [option, effect] of Object.entries(connectEffects)) test(`connect(): ${option}`, effect)

// Commands

const call = (...args: string[]) => firesteel(args, { cwd })

interface Facts {
  readonly variable: string
  readonly resources: string
  readonly execArgv: readonly string[]
  readonly id: string
}

/** What a driver with these options says of itself. */
async function driverFacts(...options: string[]): Promise<Facts> {
  const outcome = await call('submit', '--wait', '--json', ...options, 'facts.mjs')
  assert.equal(outcome.code, 0, outcome.stderr)
  const { id } = JSON.parse(outcome.stdout.split('\n')[0] ?? '') as { id: string }
  return JSON.parse((await call('logs', id)).stdout) as Facts
}

async function submitted(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr, code } = await call('submit', '--json', ...args)
  assert.equal(code, 0, stderr)
  const { id } = JSON.parse(stdout) as { id: string }
  return JSON.parse((await call('status', id, '--json')).stdout) as Record<string, unknown>
}

async function runFacts(...options: string[]): Promise<Facts> {
  const { stdout, stderr, code } = await call('run', ...options, 'app.mjs')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Facts
}

/** `run` ends as its program does, `submit` with the code of the reason. */
async function failsSoon(...args: string[]): Promise<void> {
  const { code, stderr } = await call(...args)
  assert.equal(code, args[0] === 'run' ? 1 : 3, stderr)
  assert.match(stderr, /NO_MASTER/)
  assert.match(stderr, /within 300 ms/)
}

const nobody = ['--master', 'firesteel://127.0.0.1:1', '--master-timeout', '300ms'] as const

const COPY = /\/code\/[0-9a-f]{64}\/files\//

/** The same three of `submit` and `run`; `where` names command and program. */
const codeEffects = (...where: readonly [string, ...string[]]) => {
  const [command, ...program] = where
  const said = (...options: string[]) => ofCopies(command, ...options, ...program)
  return {
    code: async () => {
      assert.match((await said()).stdout, COPY)
      assert.doesNotMatch((await said('--no-code')).stdout, COPY)
    },
    modules: async () => {
      assert.match((await said()).stdout, /has dep/)
      assert.match((await said('--no-modules')).stdout, /has no dep/)
    },
    'code-limit': async () => {
      await writeFile(join(cwd, 'copied/large.bin'), new Uint8Array(2 * 2 ** 20))
      const { code, stdout, stderr } = await said('--code-limit', '1m')
      await rm(join(cwd, 'copied/large.bin'))
      assert.notEqual(code, 0)
      assert.match(`${stdout}${stderr}`, /FIRESTEEL_CODE_TOO_LARGE/)
    },
  }
}

/** Submits it, kills it once it runs, and gives its row at its end. */
async function endedWith(args: readonly string[]): Promise<Record<string, unknown>> {
  const { id } = await submitted(...args)
  const row = async () =>
    JSON.parse((await call('status', String(id), '--json')).stdout) as Record<string, unknown>
  // Its handlers are there once it has printed.
  await waitUntil('it runs', async () => (await call('logs', String(id))).stdout.includes('runs'))
  await call('kill', String(id))
  return waitUntil('its end', async () => {
    const now = await row()
    return now.endedAt !== null ? now : undefined
  })
}

const submitEffects: Readonly<Record<string, () => Promise<void>>> = {
  name: async () => assert.equal((await submitted('--name', 'an effect', 'facts.mjs')).name, 'an effect'),
  cores: async () => assert.equal((await submitted('--cores', '2', 'facts.mjs')).cores, 2),
  memory: async () => assert.equal((await submitted('--memory', '300m', 'facts.mjs')).memoryMib, 300),
  resource: async () => {
    assert.match((await driverFacts('--resource', 'gpu=2')).resources, /"gpu":\["0","1"\]/)
    assert.doesNotMatch((await driverFacts()).resources, /gpu/)
  },
  on: async () => {
    const { worker, on } = await submitted('--on', 'zone=b', 'facts.mjs')
    assert.deepEqual(on, { zone: 'b' })
    assert.match(String(worker), /^w2-/)
    const { message } = await submitted('--on', 'zone=c', 'facts.mjs')
    assert.equal(message, 'waits: there is no Worker with zone=c')
  },
  supervise: async () => {
    const runs = ['once-more.mjs', join(cwd, 'supervised')]
    assert.equal((await call('submit', '--wait', '--supervise', ...runs)).code, 0)
    const alone = await call('submit', '--wait', 'once-more.mjs', join(cwd, 'alone'))
    assert.match(alone.stdout, /FAILED, exit 7/)
  },
  timeout: async () => {
    const { code, stdout, stderr } = await call('submit', '--wait', '--timeout', '300ms', 'stays.mjs')
    assert.equal(code, 1)
    assert.match(stdout, /FAILED/)
    assert.match(stderr, /it ran longer than its timeout of 300ms/)
  },
  'stop-signal': async () => {
    const file = join(cwd, 'told')
    await endedWith(['--stop-signal', 'SIGINT', 'told.mjs', file])
    assert.equal(readFileSync(file, 'utf8'), 'SIGINT')
  },
  'stop-grace': async () => {
    const { signal } = await endedWith(['--stop-grace', '200ms', 'stubborn.mjs'])
    assert.equal(signal, 'SIGKILL')
    // It says itself how long it had.
    const { id } = await submitted('--stop-grace', '1h', 'stubborn.mjs')
    await waitUntil('it runs', async () => (await call('logs', String(id))).stdout.includes('runs'))
    await call('kill', String(id))
    await waitUntil('it was asked', async () => (await call('logs', String(id))).stdout.includes('asked'))
    assert.equal(JSON.parse((await call('status', String(id), '--json')).stdout).state, 'KILLING')
    process.kill(Number((await call('logs', String(id))).stdout.match(/runs (\d+)/)?.[1]), 'SIGKILL')
  },
  readiness: async () => {
    const { id } = await submitted('--readiness', 'line:it is open', 'opens.mjs')
    const ready = async () => JSON.parse((await call('status', String(id), '--json')).stdout).ready
    await waitUntil('it is ready', async () => (await ready()) === true)
    await call('kill', String(id))
    const never = await submitted('--readiness', 'port:1', 'stays.mjs')
    const row = async () => JSON.parse((await call('status', String(never.id), '--json')).stdout)
    await waitUntil('it runs', async () => (await row()).pid !== null)
    assert.equal((await row()).ready, false)
    await call('kill', String(never.id))
  },
  healthcheck: async () => {
    const every = ['--healthcheck', 'http:1/health', '--health-every', '100ms']
    const { code, stderr } = await call('submit', '--wait', ...every, 'stays.mjs')
    assert.equal(code, 1)
    assert.match(stderr, /failed its health check: GET \/health on port 1 got no answer, 3 times in a row/)
  },
  'health-every': async () => {
    const { code, stderr } = await call('submit', '--health-every', '1s', 'stays.mjs')
    assert.equal(code, 2)
    assert.match(stderr, /--health-every needs --healthcheck/)
  },
  'max-restarts': async () => {
    const end = await call(
      'submit',
      '--wait',
      '--supervise',
      '--max-restarts',
      '0',
      'once-more.mjs',
      join(cwd, 'never'),
    )
    assert.match(end.stdout, /FAILED, exit 7/)
    assert.match(end.stderr, /it failed once; maxRestarts is 0; /)
  },
  'restart-window': async () => {
    const limited = ['--wait', '--supervise', '--max-restarts', '1']
    const short = [...limited, '--restart-window', '1ms', 'third-time.mjs', join(cwd, 'short')]
    assert.equal((await call('submit', ...short)).code, 0)
    assert.equal((await call('submit', ...limited, 'third-time.mjs', join(cwd, 'all'))).code, 1)
  },
  // What a Worker makes of it is in `worker-isolation`; here: that it is part of what is submitted.
  'on-isolation': async () => {
    await submitted('--key', 'isolation', '--on-isolation', 'stop', 'facts.mjs')
    await submitted('--key', 'isolation', '--on-isolation', 'stop', 'facts.mjs')
    const other = await call('submit', '--key', 'isolation', '--on-isolation', 'run', 'facts.mjs')
    assert.equal(other.code, 4, other.stderr)
  },
  env: async () => assert.equal((await driverFacts('--env', 'OPTION_EFFECT=here')).variable, 'here'),
  key: async () => {
    const ids = [await submitted('--key', 'same', 'facts.mjs'), await submitted('--key', 'same', 'facts.mjs')]
    assert.equal(ids[0]?.id, ids[1]?.id)
    assert.notEqual((await submitted('facts.mjs')).id, ids[0]?.id)
  },
  'env-file': async () => assert.equal((await driverFacts('--env-file', 'job.env')).variable, 'of a file'),
  again: async () => {
    const fails = ['--key', 'again', '--again', 'once-more.mjs', join(cwd, 'again')]
    assert.equal((await call('submit', '--wait', ...fails)).code, 1)
    assert.equal((await call('submit', '--wait', ...fails)).code, 0)
  },
  wait: async () => {
    assert.match((await call('submit', '--wait', 'facts.mjs')).stdout, /FINISHED/)
    assert.doesNotMatch((await call('submit', 'facts.mjs')).stdout, /FINISHED/)
  },
  'node-option': async () =>
    assert.ok((await driverFacts('--node-option', '--no-deprecation')).execArgv.includes('--no-deprecation')),
  ...codeEffects('submit', '--wait', 'job.mjs'),
  master: () => failsSoon('submit', ...nobody, 'facts.mjs'),
  'master-timeout': () => failsSoon('submit', ...nobody, 'facts.mjs'),
  json: async () => assert.ok((JSON.parse((await call('submit', '--json', 'facts.mjs')).stdout) as Facts).id),
}

const runEffects: Readonly<Record<string, () => Promise<void>>> = {
  env: async () => {
    assert.equal((await runFacts('--env', 'OPTION_EFFECT=here')).variable, 'here')
    assert.equal((await runFacts()).variable, '')
  },
  'env-file': async () => assert.equal((await runFacts('--env-file', 'job.env')).variable, 'of a file'),
  'node-option': async () =>
    assert.ok((await runFacts('--node-option', '--no-deprecation')).execArgv.includes('--no-deprecation')),
  // The default is 60 s.
  'idle-timeout': async () => {
    const { stdout, stderr } = await call('run', '--idle-timeout', '500ms', 'idle.mjs')
    assert.equal((JSON.parse(stdout) as Facts).variable, 'given back', stderr)
    const { code, stderr: refusal } = await call('run', '--idle-timeout', '5', 'idle.mjs')
    assert.equal(code, 2)
    assert.match(refusal, /--idle-timeout.*must be a duration such as 250ms, 2\.5s or 1m/)
  },
  summaries: async () => {
    const pageOf = async (...options: readonly string[]) =>
      pageOfTasks((await call('run', ...options, 'task.mjs')).stdout.trim())
    assert.match(await pageOf(), HAS_TASKS)
    assert.match(await pageOf('--no-summaries'), HAS_NO_TASKS)
  },
  output: async () => {
    const { code, stdout, stderr } = await call('run', '--output', 'say.mjs')
    assert.equal(code, 0, stderr)
    assert.match(stderr, /^\[executor 0 task 1 attempt 1\] hello$/m)
    assert.match(stderr, /^\[executor 0 task 1 attempt 1\] and more \\u001b\[2J$/m)
    assert.match(stderr, /^\[executor 0 task 1 attempt 1\] loud hello$/m)
    assert.equal(stdout, 'done\n', 'what the program prints stays as it is')
    assert.doesNotMatch((await call('run', 'say.mjs')).stderr, /hello/)
  },
  ...codeEffects('run', 'app.mjs'),
  // Though there is one that `up` left here.
  master: () => failsSoon('run', ...nobody, 'app.mjs'),
  'master-timeout': () => failsSoon('run', ...nobody, 'app.mjs'),
  json: async () => {
    const { stdout } = await call('run', '--json', 'app.mjs')
    const end = JSON.parse(stdout.slice(stdout.indexOf('\n'))) as unknown
    assert.deepEqual(end, { main: join(cwd, 'app.mjs'), code: 0, signal: null })
  },
}

for (const [command, effects] of Object.entries({ submit: submitEffects, run: runEffects })) {
  for (const [option, effect] of Object.entries(effects)) test(`${command}: --${option}`, effect)

  test(`${command}: there are no other options`, async () => {
    const { stdout } = await call(command, '--help')
    const names = [...stdout.matchAll(/^ {2}(?:-\w, )?--(?:no-)?([a-z-]+)/gm)].map(
      ([, name]) => name as string,
    )
    assert.deepEqual(names.filter((name) => name !== 'help').sort(), Object.keys(effects).sort())
  })
}
