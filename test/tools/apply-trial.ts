import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parse, stringify } from 'yaml'
import type { MasterClient } from '../../actors/client/master-client.js'
import { startChild } from '../../runtime/process/child.js'
import type { TestCluster } from '../harness/index.js'
import { binPath, commandEnvironment } from '../harness/up-process.js'

/*
 * A deployment file that is edited at random and applied, and what the cluster is afterwards. Used by a test
 * and by `npm run soak -- --applies N`.
 */

interface FileWorker {
  name: string
  cores: number
  [key: string]: unknown
}

interface FileSubmission {
  name: string
  main: string
  supervise: boolean
  /** It shows which content runs. */
  memory: string
}

interface File {
  masters: { name: string; [key: string]: unknown }[]
  workers: FileWorker[]
  submissions?: FileSubmission[]
  logging: { level: string; format: string }
}

const NAMES = ['api', 'job', 'web', 'cron'] as const
const MOST_WORKERS = 4
const LEAST_MIB = 16

export interface ApplyOutcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

type Edit = (file: File, random: () => number) => string | undefined

const chosen = <T>(random: () => number, from: readonly T[]): T =>
  from[Math.floor(random() * from.length)] as T

/** Each returns what it did, or undefined where it has nothing to change. */
const edits: readonly Edit[] = [
  (file) => {
    const taken = new Set(file.workers.map(({ name }) => name))
    const name = Array.from({ length: MOST_WORKERS }, (_, n) => `w${n + 1}`).find((each) => !taken.has(each))
    if (name === undefined) return undefined
    file.workers.push({ ...file.workers[0]!, name, cores: 2 })
    return `+ ${name}`
  },
  (file, random) => {
    if (file.workers.length < 2) return undefined
    const gone = chosen(random, file.workers)
    file.workers = file.workers.filter((worker) => worker !== gone)
    return `- ${gone.name}`
  },
  (file, random) => {
    const worker = chosen(random, file.workers)
    worker.cores = worker.cores === 4 ? 3 : 4
    return `~ ${worker.name}`
  },
  (file, random) => {
    const list = file.submissions ?? []
    const free = NAMES.filter((name) => !list.some((each) => each.name === name))
    if (free.length === 0) return undefined
    const name = chosen(random, free)
    list.push({ name, main: './service.mjs', supervise: true, memory: `${LEAST_MIB}m` })
    file.submissions = list
    return `+ ${name}`
  },
  (file, random) => {
    const list = file.submissions ?? []
    if (list.length === 0) return undefined
    const gone = chosen(random, list)
    file.submissions = list.filter((each) => each !== gone)
    return `- ${gone.name}`
  },
  (file, random) => {
    const list = file.submissions ?? []
    if (list.length === 0) return undefined
    const one = chosen(random, list)
    one.memory = `${LEAST_MIB + Math.floor(random() * 16)}m`
    return `~ ${one.name}`
  },
  (file) => {
    file.logging.level = file.logging.level === 'info' ? 'warn' : 'info'
    return '~ logging'
  },
]

export class ApplyTrial {
  readonly path: string
  readonly #cluster: TestCluster
  readonly #file: File

  private constructor(cluster: TestCluster, path: string, file: File) {
    this.#cluster = cluster
    this.path = path
    this.#file = file
  }

  static async begin(cluster: TestCluster): Promise<ApplyTrial> {
    const path = join(cluster.directory, 'cluster.yaml')
    await writeFile(join(cluster.directory, 'service.mjs'), 'setInterval(() => {}, 1000)\n')
    return new ApplyTrial(cluster, path, parse(await readFile(path, 'utf8')) as File)
  }

  get text(): string {
    return stringify(this.#file)
  }

  /** Changes the file at random. Returns what it changed. */
  async edit(random: () => number): Promise<string> {
    const done: string[] = []
    const most = 1 + Math.floor(random() * 2)
    while (done.length < most) {
      const what = chosen(random, edits)(this.#file, random)
      if (what !== undefined) done.push(what)
    }
    await this.write()
    return done.join(', ')
  }

  /** The file as an edit of a test makes it. */
  async change(edit: (file: File) => void): Promise<void> {
    edit(this.#file)
    await this.write()
  }

  write(): Promise<void> {
    return writeFile(this.path, this.text)
  }

  apply(...more: string[]): Promise<ApplyOutcome> {
    return this.#cluster.cli(['apply', this.path, '--prune', '--deadline', '5s', ...more])
  }

  /** `kill -9` to an apply after this time, unless it has ended. Returns whether it was killed. */
  applyKilled(afterMs: number): Promise<boolean> {
    return this.applyCut(() => delay(afterMs), '--deadline', '5s')
  }

  /** The same as soon as this has come to its end. */
  async applyCut(reached: () => Promise<unknown>, ...more: string[]): Promise<boolean> {
    const { address, secret, directory: cwd } = this.#cluster
    const child = await startChild({
      command: process.execPath,
      args: [binPath, 'apply', this.path, '--prune', ...more],
      cwd,
      env: commandEnvironment({ FIRESTEEL_MASTER: address, FIRESTEEL_SECRET: secret }),
      stdout: 'ignore',
      stderr: 'ignore',
      ownGroup: true,
      followDescendants: false,
    })
    await Promise.race([child.exited, reached()])
    child.signal('SIGKILL')
    const { signal } = await child.exited
    return signal === 'SIGKILL'
  }

  /** What is not as the file says; empty: the status equals the file. */
  async differences(client: MasterClient): Promise<string[]> {
    const { workers, activeDrivers, masters } = await client.request({ type: 'RequestMasterState' })
    const alive = workers.filter(({ state }) => state === 'ALIVE')
    const { workers: wanted, submissions = [], masters: wantedMasters } = this.#file
    return [
      ...compared('Workers', alive, ({ name, cores }) => `${name}:${cores}`, wanted),
      ...compared(
        'drivers',
        activeDrivers.map(({ description: { name, memoryMib }, state }) => ({
          name,
          memory: `${memoryMib}m${state === 'RUNNING' || state === 'SUBMITTED' ? '' : ` ${state}`}`,
        })),
        ({ name, memory }) => `${name}:${memory}`,
        submissions.map(({ name, memory }) => ({ name, memory })),
      ),
      ...(masters.length === wantedMasters.length ? [] : [`Masters: ${masters.length}`]),
    ]
  }
}

function compared<A extends B, B>(
  what: string,
  found: readonly A[],
  text: (row: B) => string,
  wanted: readonly B[],
): string[] {
  const is = found.map(text).sort().join(' ')
  const should = wanted.map(text).sort().join(' ')
  return is === should ? [] : [`${what}: ${is || 'none'} instead of ${should || 'none'}`]
}
