import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { ExecutorBoot } from '../../actors/executor/boot.js'
import type { TaskPoolEvent } from '../../actors/tasks/dispatch-types.js'
import { createTaskPool } from '../../actors/tasks/task-pool.js'
import type { TaskPool, TaskPoolLimits } from '../../actors/tasks/task-pool-types.js'
import type { TaskSummaries } from '../../actors/tasks/task-summaries.js'
import { type Child, startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { throwUncaught } from '../../runtime/system/uncaught.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { Link } from '../../runtime/transport/link.js'
import { listen } from '../../runtime/transport/listen.js'

/* A driver with real executors, without Master and Worker: this file plays both. */

const appId = 'app-test-1'
const entry = fileURLToPath(new URL('../../actors/executor/main.js', import.meta.url))

export interface StartOptions {
  readonly cores?: number
  readonly tasksPerCore?: number
  readonly host?: string
  readonly applicationTimeoutMs?: number
  /** Where its output goes; default our own stderr. */
  readonly pipe?: boolean
  readonly nodeOptions?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface TestDriver extends AsyncDisposable {
  readonly pool: TaskPool
  readonly events: TaskPoolEvent[]
  readonly killed: number[]
  readonly links: Link[]
  readonly warnings: string[]
  /** No executor gets in any more. */
  stopAccepting(): Promise<void>
  /** Kills an executor process, and waits for its end. */
  kill(execId: number): Promise<void>
  /** Starts an executor process, tells the pool of it, and of its end as the Master would. */
  start(options?: StartOptions): Promise<{ readonly execId: number; readonly child: Child }>
}

export async function startDriver(
  limits: Partial<TaskPoolLimits> = {},
  tasksPerCore = 1,
  summaries?: TaskSummaries,
  isSecure = false,
): Promise<TestDriver> {
  const key = deriveKey(randomBytes(32), 'application', appId)
  const events: TaskPoolEvent[] = []
  const killed: number[] = []
  const links: Link[] = []
  const warnings: string[] = []
  const children = new Set<Child>()
  const byId = new Map<number, Child>()
  const pool = createTaskPool({
    appId,
    log: { info: () => undefined, warn: (message) => void warnings.push(message) },
    killExecutor: (execId) => void killed.push(execId),
    onDefect: throwUncaught,
    limits,
    tasksPerCore,
    ...(summaries && { summaries }),
  })
  pool.on((event) => void events.push(event))
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    identity: { cluster: 'test', incarnation: 'driver-1' },
    keyFor: (role, subject) => (role === 'application' && subject === appId ? key : undefined),
    ...(isSecure && { tls: 'key' as const }),
    onLink: (link) => {
      links.push(link)
      pool.link(link)
    },
  })
  let nextExecId = 0
  let closing = false

  return {
    pool,
    events,
    killed,
    links,
    warnings,
    stopAccepting: () => listener.close(),
    async kill(execId) {
      const child = byId.get(execId)
      child?.signal('SIGKILL')
      await child?.exited
    },
    async start({
      cores = 1,
      tasksPerCore: ofExecutor = tasksPerCore,
      host = 'host-a',
      applicationTimeoutMs = 10_000,
      pipe = false,
      nodeOptions = [],
      env = {},
    } = {}) {
      const execId = nextExecId++
      const boot: ExecutorBoot = {
        cluster: 'test',
        driver: `127.0.0.1:${listener.port}`,
        ...(isSecure && { tls: true as const }),
        appId,
        execId,
        workerId: 'worker-1',
        host,
        cores,
        tasksPerCore: ofExecutor,
        memoryMib: 512,
        resources: { gpu: ['0'] },
        key: key.toString('base64'),
        applicationTimeoutMs,
      }
      const child = await startChild({
        command: process.execPath,
        args: [...nodeOptions, entry],
        cwd: tmpdir(),
        env: childEnvironment(env),
        stdout: pipe ? 'pipe' : 'ignore',
        stderr: pipe ? 'pipe' : 'ignore',
        boot: `${JSON.stringify(boot)}\n`,
        ownGroup: true,
      })
      children.add(child)
      byId.set(execId, child)
      pool.executorAdded({ execId, workerId: 'worker-1', host, cores })
      void child.exited.then(({ code, signal }) => {
        children.delete(child)
        if (closing) return
        const message = `the process ended with ${signal ?? `code ${code}`}`
        pool.executorUpdated({ execId, state: 'EXITED', message })
      })
      return { execId, child }
    },
    async [Symbol.asyncDispose]() {
      closing = true
      pool.close({ reason: 'the test is over' })
      await Promise.all([...children].map((child) => child.stop({ graceMs: 2000 })))
      for (const link of links) link.close()
      await listener.close().catch(() => undefined)
    },
  }
}
