import { fileURLToPath } from 'node:url'
import { Worker } from 'bullmq'

/** Jobs that ended since the last report, and the sum of their results. */
export interface WorkerNews {
  readonly jobs: number
  readonly sum: number
}

/** A BullMQ worker. Jobs that end in one turn are reported together, so that counting costs little. */
export async function workJobs(
  port: number,
  concurrency: number,
  tell: (news: WorkerNews) => void,
): Promise<Worker> {
  const worker = new Worker('bench', async (job) => job.data.value as number, {
    connection: { host: '127.0.0.1', port },
    concurrency,
  })
  let jobs = 0
  let sum = 0
  worker.on('completed', (_, value) => {
    if (jobs++ === 0) {
      setImmediate(() => {
        const news = { jobs, sum }
        jobs = 0
        sum = 0
        tell(news)
      })
    }
    sum += value as number
  })
  await worker.waitUntilReady()
  return worker
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [port, concurrency] = process.argv.slice(2).map(Number) as [number, number]
  const worker = await workJobs(port, concurrency, (news) => void process.send?.(news))
  process.on('disconnect', () => void worker.close().then(() => process.exit(0)))
  process.send?.({ jobs: 0, sum: 0 } satisfies WorkerNews)
}
