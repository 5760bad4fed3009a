import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { findCluster } from '../../actors/client/find-cluster.js'
import { connect } from '../../actors/client/index.js'
import { MasterClient } from '../../actors/client/master-client.js'
import { sendCode } from '../../actors/client/send-code.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { collectCode } from '../../runtime/code/collect.js'
import { machineSeal } from '../../runtime/code/machine-seal.js'
import { createTestCluster } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'
import { writeFiles } from './code-folder.js'
import { FarWorker } from './far-workers.js'

/*
 * What the travel of code costs: 50 MiB in 4,000 files to four Workers that see none of them, then one
 * file changed, then 1,000 submissions of one folder. The first argument is another number of submissions,
 * the second one of Workers. It needs Linux, with `unshare`.
 */

const FILES = 4000
const BYTES = 50 * 2 ** 20
const SUBMISSIONS = Number(process.argv[2] ?? 1000)
const WORKERS = Number(process.argv[3] ?? 4)

interface Came {
  readonly id: string
  readonly receivedFiles: number
  readonly receivedBytes: number
  readonly ms: number
}

/** What a Worker has logged of code that came. */
const cameTo = ({ said }: FarWorker): Came[] =>
  said
    .split('\n')
    .filter((line) => line.includes('"code came"'))
    .map((line) => JSON.parse(line) as Came)

/** Upper bounds of the histogram of loop lag -> how often, since the start of a Worker. */
async function lagOf({ said }: FarWorker): Promise<Map<number, number>> {
  const web = /"web":"(http[^"]+)"/.exec(said)?.[1]
  const text = await (await fetch(`${web}/metrics`)).text()
  const buckets = [
    ...text.matchAll(/^firesteel_event_loop_lag_seconds_bucket\{[^}]*le="([^"]+)"[^}]*\} (\d+)/gm),
  ]
  return new Map(
    buckets.map(([, bound, count]) => [Number(bound === '+Inf' ? Infinity : bound), Number(count)]),
  )
}

/** The bound below which 99 of 100 looks lie, in milliseconds. */
function p99(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  const counts = [...after].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const)
  const all = Math.max(...counts.map(([, count]) => count))
  return (counts.find(([, count]) => count >= all * 0.99)?.[0] ?? 0) * 1000
}

/** How long the thread of an event loop has run, and how long it was ready and had no processor, in ms. */
function loopTime(pid: number): { readonly ran: number; readonly waited: number } {
  const [ran = 0, waited = 0] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8')
    .split(' ')
    .map((ns) => Math.round(Number(ns) / 1e6))
  return { ran, waited }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`

const project = await mkdtemp(join(tmpdir(), 'firesteel-measured-'))
const body = (n: number): string =>
  `// ${n}\n`.padEnd(Math.ceil(BYTES / FILES), String.fromCharCode(97 + (n % 26)))
await writeFiles(
  project,
  Object.fromEntries(Array.from({ length: FILES }, (_, n) => [`part${n % 40}/file${n}.js`, body(n)])),
)
await writeFiles(project, {
  'package.json': JSON.stringify({ type: 'module' }),
  'tasks.js': "export const version = () => '1'",
  'quick.sh*': '#!/bin/sh\nexit 0\n',
})
const cluster = await createTestCluster({ workers: 1, cores: 1, cluster: 'code' })
const { address, secret } = cluster
const workers: FarWorker[] = []
for (let n = 1; n <= WORKERS; n++)
  workers.push(
    await FarWorker.start({
      name: `far${n}`,
      address,
      secret,
      cluster: 'code',
      hidden: [project],
      label: 'far=yes',
    }),
  )

/** An application with an executor on each core; ends when all Workers have its code. */
async function travel(title: string): Promise<void> {
  const before = workers.map((worker) => cameTo(worker).length)
  const lag = await Promise.all(workers.map(lagOf))
  const pids = [...workers.map(({ pid }) => pid), process.pid]
  const times = pids.map(loopTime)
  const startedMs = performance.now()
  const app = await connect(address, { secret, executor: { on: { far: 'yes' }, memory: '128m' } })
  const { version } = app.tasks<{ version(): string }>(pathToFileURL(join(project, 'tasks.js')))
  await version()
  const firstMs = Math.round(performance.now() - startedMs)
  await waitUntil('the code on all Workers', () =>
    workers.every((worker, at) => cameTo(worker).length > (before[at] as number)),
  )
  const allMs = Math.round(performance.now() - startedMs)
  const spent = pids.map((pid, at) => {
    const { ran, waited } = loopTime(pid)
    return `${ran - (times[at]?.ran ?? 0)} and ${waited - (times[at]?.waited ?? 0)}`
  })
  const fresh = workers.flatMap((worker, at) => cameTo(worker).slice(before[at]))
  const bytes = fresh.reduce((sum, came) => sum + came.receivedBytes, 0)
  const files = fresh.reduce((sum, came) => sum + came.receivedFiles, 0)
  // The histogram is of the past: let it take in the last looks.
  await delay(1000)
  const after = await Promise.all(workers.map(lagOf))
  const lags = workers.map((_, at) => p99(lag[at] as Map<number, number>, after[at] as Map<number, number>))
  say(
    `${title}: ${mib(bytes)} in ${files} files came to ${fresh.length} Workers; first task after ${firstMs} ms,`,
  )
  say(
    `  all have it after ${allMs} ms (on each ${fresh.map(({ ms }) => ms).join(', ')} ms); loop lag p99 <= ${lags.join(', ')} ms`,
  )
  say(
    `  loops ran and waited for a processor: Workers ${spent.slice(0, -1).join(', ')} ms; driver ${spent.at(-1)} ms`,
  )
  await app.close()
}

async function submissions(count: number): Promise<void> {
  const found = findCluster({ address, secret, env: {}, cwd: project })
  const client = new MasterClient({ ...found, masterTimeoutMs: 60_000 })
  const before = workers.map((worker) => cameTo(worker).length)
  let sent = 0
  const startedMs = performance.now()
  const { manifest, sources } = await collectCode({ folder: project, modules: true })
  say(`collected in ${Math.round(performance.now() - startedMs)} ms, which each submission does`)
  for (let n = 0; n < count; n++) {
    const code = { manifest, root: project, sourceOf: (at: number) => sources[at] ?? '' }
    const onSent = (bytes: number): void => {
      sent += bytes
    }
    await sendCode(code, { client, cluster: found.cluster, place: machineSeal(), onSent })
    await client.request({
      type: 'RequestSubmitDriver',
      key: `measured-${n}`,
      description: {
        ...driverDescription,
        name: 'quick',
        main: join(project, 'quick.sh'),
        cwd: project,
        memoryMib: 64,
        on: { far: 'yes' },
        supervise: false,
        code: { id: manifest.id, root: project },
      },
    })
  }
  const submittedMs = Math.round(performance.now() - startedMs)
  await waitUntil(
    'the end of all',
    async () => {
      const { drivers } = await cluster.status()
      const live = drivers.filter(({ state }) => !['FINISHED', 'FAILED', 'ERROR', 'KILLED'].includes(state))
      return live.length === 0 || Promise.reject(new Error(`${live.length} live`))
    },
    { deadlineMs: 300_000 },
  )
  const came = workers.map((worker, at) => cameTo(worker).slice(before[at]))
  say(`${count} submissions of one folder: submitted in ${submittedMs} ms, the submitter sent ${mib(sent)};`)
  say(
    `  on each Worker it came ${came.map((each) => each.length).join(', ')} times, ${mib(came.flat().reduce((sum, { receivedBytes }) => sum + receivedBytes, 0))} in all`,
  )
  await client.close()
}

try {
  await travel(`${FILES} files of ${mib(BYTES)}`)
  await writeFiles(project, { 'tasks.js': "export const version = () => '2'" })
  await travel('one file changed')
  await writeFiles(project, { 'part0/file0.js': '// another' })
  await submissions(SUBMISSIONS)
} finally {
  for (const worker of workers) await worker.stop()
  await cluster.stop()
  await rm(project, { recursive: true, force: true })
}
