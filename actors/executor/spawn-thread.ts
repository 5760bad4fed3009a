import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { programs } from '../../runtime/built-file.js'
import { reasonOf } from '../../runtime/errors.js'
import type { ProcessNote, WorkerNote } from '../../runtime/process/tell-processes.js'
import type { FromThread, LargeBody, ThreadData, ToThread } from './thread-messages.js'
import { keepMainProcesses, ThreadProcesses } from './thread-processes.js'

export interface ThreadListener {
  message(message: FromThread): void
  /**
   * Nothing runs in the thread any more, and nothing that it had started. Only bodies that it had posted can
   * still be taken.
   */
  exited(reason: string): void
}

/** A task thread as the main thread uses it. */
export interface SpawnedThread {
  post(message: ToThread, transfer?: readonly ArrayBuffer[]): void
  /** Takes the next body that the thread has posted. This works after its end too, until `exited` returns. */
  takeBody(): LargeBody | undefined
  /** Ends it, whatever it does. `exited` reports the end. */
  terminate(): void
}

export type SpawnThread = (data: ThreadData, heapMib: number, listener: ThreadListener) => SpawnedThread

/** Ports of our own, because the `parentPort` of a task thread belongs to the user's modules. */
export interface ThreadPorts {
  readonly control: MessagePort
  /** It has no listener: bodies are taken from it, in the order of their records. */
  readonly bodies: MessagePort
}

export const spawnThread: SpawnThread = (data, heapMib, listener) => {
  const control = new MessageChannel()
  const bodies = new MessageChannel()
  const ports: ThreadPorts = { control: control.port2, bodies: bodies.port2 }
  keepMainProcesses()
  let worker: Worker
  try {
    worker = new Worker(programs.thread, {
      workerData: { ...data, ports },
      transferList: [ports.control, ports.bodies],
      resourceLimits: { maxOldGenerationSizeMb: heapMib },
    })
  } catch (error) {
    // The machine gives no thread. That is reported as an exit, like every other reason why a thread does not
    // start.
    setImmediate(() => listener.exited(`it could not be started: ${reasonOf(error)}`))
    return { post: () => {}, takeBody: () => undefined, terminate: () => {} }
  }
  let reason: string | undefined
  const processes = new ThreadProcesses()
  const hear = (message: FromThread | ProcessNote | WorkerNote): void => {
    if (message.kind === 'process') processes.heard(message)
    else if (message.kind === 'worker') processes.heardOfWorker(message)
    else listener.message(message)
  }
  control.port1.on('message', hear)
  worker.on('error', (error) => {
    reason ??= reasonOf(error)
  })
  worker.on('exit', (code) => {
    for (let rest = take(control.port1); rest !== undefined; rest = take(control.port1)) {
      hear(rest as FromThread | ProcessNote | WorkerNote)
    }
    const exited = (): void => {
      listener.exited(reason ?? `its thread exited with code ${code}`)
      control.port1.close()
      bodies.port1.close()
    }
    const ending = processes.end()
    if (ending === undefined) exited()
    else void ending.then(exited)
  })
  return {
    post: (message, transfer) => control.port1.postMessage(message, transfer),
    takeBody: () => take(bodies.port1) as LargeBody | undefined,
    terminate: () => void worker.terminate(),
  }
}

const take = (port: MessagePort): unknown => receiveMessageOnPort(port)?.message
