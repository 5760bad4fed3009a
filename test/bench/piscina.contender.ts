import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { inStreams, type StartContender } from './contender.js'

/** Piscina: the same task on threads of the process that submits it. */
export const start: StartContender = async ({ threads, tasksPerThread, inHand, atomics }) => {
  const pool = new Piscina({
    filename: fileURLToPath(new URL('./no-op-task.js', import.meta.url)),
    minThreads: Number(threads),
    maxThreads: Number(threads),
    concurrentTasksPerWorker: Number(tasksPerThread),
    atomics: atomics as 'sync' | 'async' | 'disabled',
  })
  return {
    run: (tasks) => inStreams(Number(inHand), tasks, (value) => pool.run(value) as Promise<number>),
    close: () => pool.destroy(),
  }
}
