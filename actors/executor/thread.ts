import { workerData } from 'node:worker_threads'
import { encodeError } from '../messages/task-error.js'
import { epochNow, SharedRing } from './shared-ring.js'
import type { ThreadPorts } from './spawn-thread.js'
import { installConsole } from './task-console.js'
import { loadTaskFunction } from './task-module.js'
import type { FromThread, ThreadData, ToThread } from './thread-messages.js'
import { ThreadSide, type Work } from './thread-side.js'

/* The entry of a task thread: connects a `ThreadSide` to Node. */

const { ports, ...data } = workerData as ThreadData & { readonly ports: ThreadPorts }
const { control, bodies } = ports
const ring = new SharedRing(data.memory)
const post = (message: FromThread): void => control.postMessage(message)

async function drive(work: Work): Promise<void> {
  let step = work.next()
  while (!step.done) {
    const pause = step.value
    if (pause === undefined) step = work.next()
    else if (pause === 'capacity') {
      ring.waitForReader()
      step = work.next()
    } else if (pause === 'turn') {
      await new Promise(setImmediate)
      step = work.next()
    } else step = await settled(work, pause)
  }
}

async function settled(work: Work, pending: PromiseLike<unknown>): Promise<ReturnType<Work['next']>> {
  let value: unknown
  try {
    value = await pending
  } catch (error) {
    return work.throw(error)
  }
  return work.next(value)
}

installConsole()
process.on('uncaughtException', (error) => {
  post({ kind: 'fault', error: encodeError(error) })
  process.exit(1)
})

const side = new ThreadSide(data, ring, {
  nowMs: epochNow,
  post,
  postBody: (large, transfer) => bodies.postMessage(large, transfer),
  soon: (run) => {
    const immediate = setImmediate(run)
    return () => clearImmediate(immediate)
  },
  load: ({ url, name }) => loadTaskFunction(url, name, data.executor.host),
  drive: (work) => void drive(work),
})
control.on('message', (message: ToThread) => side.receive(message))
