import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Queue } from 'bullmq'
import { startRedis } from '../harness/redis-server.js'
import { type WorkerNews, workJobs } from './bullmq-worker.js'
import type { StartContender } from './contender.js'

const BULK = 1000

/**
 * BullMQ with no-op jobs, through a Redis of its own that keeps nothing on disk, which is its fastest
 * setting.
 */
export const start: StartContender = async ({ workers, concurrency }) => {
  const redis = await startRedis({ appendfsync: 'no', extra: ['--appendonly', 'no', '--save', ''] })
  const connection = { host: '127.0.0.1', port: redis.port }
  const queue = new Queue('bench', { connection })
  let sum = 0
  let done = 0
  let expected = Number.POSITIVE_INFINITY
  let finished: () => void = () => {}
  const observedMessages = (news: WorkerNews): void => {
    sum += news.sum
    done += news.jobs
    if (done === expected) finished()
  }
  const close = await startWorkers(Number(workers), redis.port, Number(concurrency), observedMessages)
  return {
    async run(tasks) {
      sum = 0
      done = 0
      expected = tasks
      const all = new Promise<void>((resolve) => {
        finished = resolve
      })
      for (let at = 0; at < tasks; at += BULK) {
        const count = Math.min(BULK, tasks - at)
        await queue.addBulk(
          Array.from({ length: count }, (_, index) => ({
            name: 'noop',
            data: { value: at + index },
            opts: { removeOnComplete: true },
          })),
        )
      }
      await all
      return sum
    },
    async close() {
      await close()
      await queue.close()
      await redis.stop()
    },
  }
}

/** `workers` 0: in this process, as in BullMQ's first example. */
async function startWorkers(
  workers: number,
  port: number,
  concurrency: number,
  observedMessages: (news: WorkerNews) => void,
): Promise<() => Promise<void>> {
  if (workers === 0) {
    const worker = await workJobs(port, concurrency, observedMessages)
    return () => worker.close()
  }
  const script = fileURLToPath(new URL('./bullmq-worker.js', import.meta.url))
  const children: ChildProcess[] = []
  for (let number = 0; number < workers; number++) {
    const child = fork(script, [String(port), String(concurrency)])
    children.push(child)
    await once(child, 'message')
    child.on('message', (news) => observedMessages(news as WorkerNews))
  }
  return async () => {
    const gone = children.map((child) => once(child, 'exit'))
    for (const child of children) child.disconnect()
    await Promise.all(gone)
  }
}
