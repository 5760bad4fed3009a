import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import type { Worker } from 'node:worker_threads'

/** The code of a thread has started a process, or such a process is over. */
export interface ProcessNote {
  readonly kind: 'process'
  readonly pid: number
  readonly isOver: boolean
}

/**
 * The code of a thread has started a Worker, or such a Worker has ended. Nobody is told of the processes that
 * a Worker starts: what it has not ended itself shows only when it has ended.
 */
export interface WorkerNote {
  readonly kind: 'worker'
  readonly isOver: boolean
}

/** Only `spawn` of the class starts a process. It is no part of Node's types. */
type Spawning = ChildProcess & { spawn(this: Spawning, options: unknown): unknown }

/**
 * Tells of each process that the code of this thread starts, and of its end. Node says nothing of those for
 * which a thread waits without giving itself back, such as `execSync`.
 */
export function tellProcesses(tell: (note: ProcessNote | WorkerNote) => void): void {
  subscribe('child_process', (message) => {
    const { process: child } = message as { readonly process: Spawning }
    if (child.pid !== undefined) follow(child, tell)
    else followWhenStarted(child, tell)
  })
  subscribe('worker_threads', (message) => {
    const { worker } = message as { readonly worker: Worker }
    tell({ kind: 'worker', isOver: false })
    worker.once('exit', () => tell({ kind: 'worker', isOver: true }))
  })
}

/**
 * Node tells of it before it has started it. To wait for a turn of the event loop would be too late: code
 * that keeps its thread to itself after the start may never give it one.
 */
function followWhenStarted(child: Spawning, tell: (note: ProcessNote) => void): void {
  const { spawn } = child
  child.spawn = function (options) {
    // That of its class is there again.
    delete (this as Partial<Spawning>).spawn
    const result = spawn.call(this, options)
    follow(this, tell)
    return result
  }
}

function follow(child: ChildProcess, tell: (note: ProcessNote) => void): void {
  const { pid } = child
  // It could not be started.
  if (pid === undefined) return
  tell({ kind: 'process', pid, isOver: false })
  child.once('exit', () => tell({ kind: 'process', pid, isOver: true }))
}
