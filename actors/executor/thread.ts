import { getEnvironmentData, workerData } from 'node:worker_threads'
import { type ProcessNote, tellProcesses, type WorkerNote } from '../../runtime/process/tell-processes.js'
import { flushSpans } from '../../runtime/telemetry/tracing-api.js'
import { encodeError } from '../messages/task-error.js'
import { CODE_ROOTS } from './boot.js'
import { ModuleLoads } from './module-loads.js'
import { clearImmediate, clearTimeout, exitThread, setImmediate, setTimeout } from './own-globals.js'
import { ProgressThrottle } from './progress-throttle.js'
import { RunningTask } from './running-task.js'
import { epochNow, SharedRing } from './shared-ring.js'
import type { ThreadPorts } from './spawn-thread.js'
import { taskContexts } from './task.js'
import { installConsole } from './task-console.js'
import { endedWhileLoading, loadTaskFunction } from './task-module.js'
import { type RunSpan, runSpan, type TracedRun } from './task-run-span.js'
import type { FromThread, ThreadData, ToThread } from './thread-messages.js'
import { ThreadSide, type Work } from './thread-side.js'

/* The entry of a task thread: connects a `ThreadSide` to Node. */

const { ports, ...data } = workerData as ThreadData & { readonly ports: ThreadPorts }
const { control, bodies } = ports
const ring = new SharedRing(data.memory)
const roots = getEnvironmentData(CODE_ROOTS) as readonly string[] | undefined
const loads = new ModuleLoads()
const post = (message: FromThread | ProcessNote | WorkerNote): void => control.postMessage(message)

function drive(work: Work): void {
  for (;;) {
    const pause = work.next().value
    if (pause === 'capacity') ring.waitForReader()
    else if (pause === 'turn') {
      setImmediate(drive, work)
      return
    } else if (pause === 'idle') return
  }
}

/**
 * Tells the main thread whose code ends this thread. The context of a task is that of whatever it has begun.
 */
let isTold = false
function tellEnd(error?: unknown): void {
  if (isTold) return
  isTold = true
  const current = taskContexts.getStore()
  const position = current instanceof RunningTask ? current.position : undefined
  const module = loads.current
  const mayBe = (url: string): boolean =>
    position === undefined && (module === undefined ? side.isOnlyLoading : module === url)
  const loading = [...side.loading].map(([at, { url }]) => ({
    position: at,
    error: mayBe(url) ? encodeError(endedWhileLoading(url, data.executor.host, error)) : undefined,
  }))
  post({ kind: 'fault', error: error === undefined ? undefined : encodeError(error), position, loading })
}

/** The main thread waits for spans only where there are some. */
let isTraced = false
function tracedRun(run: TracedRun): RunSpan | undefined {
  const span = runSpan(run)
  if (span !== undefined && !isTraced) {
    isTraced = true
    post({ kind: 'traced' })
  }
  return span
}

installConsole()
tellProcesses(post)
const side = new ThreadSide(data, ring, {
  nowMs: epochNow,
  post,
  postBody: (large, transfer) => bodies.postMessage(large, transfer),
  soon: (run, ms) => {
    if (ms > 0) {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    }
    const immediate = setImmediate(run)
    return () => clearImmediate(immediate)
  },
  watch: (pending, settled, failed) => void pending.then(settled, failed),
  adopt: async (thenable) => thenable,
  traced: tracedRun,
  load: ({ url, name }) => loads.run(url, () => loadTaskFunction(url, name, data.executor.host, roots)),
  drive,
  progress: new ProgressThrottle({
    nowMs: epochNow,
    after: (ms, run) => void setTimeout(run, ms).unref(),
    send: (progress) => post({ kind: 'progress', progress }),
  }),
})
process.on('uncaughtException', (error) => {
  tellEnd(error)
  exitThread(1)
})
process.on('exit', () => tellEnd())
control.on('message', (message: ToThread) => {
  if (message.kind === 'flush') void flushSpans().then(() => post({ kind: 'flushed' }))
  else side.receive(message)
})
