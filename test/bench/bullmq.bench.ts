import { Queue, Worker } from 'bullmq'
import { startRedis } from './redis.js'

const JOBS = 20_000
const BULK = 1000
/** Jobs that one BullMQ worker has in hand; more gave no more on two cores. */
const CONCURRENCY = 100

/** No-op jobs per second with results, through a Redis on this machine. */
export async function benchBullMq(): Promise<{ name: string; perSecond: number }> {
  const redis = await startRedis()
  const connection = { host: '127.0.0.1', port: redis.port }
  const queue = new Queue('bench', { connection })
  let done = 0
  const worker = new Worker('bench', async (job) => job.data.value, { connection, concurrency: CONCURRENCY })
  try {
    await worker.waitUntilReady()
    const begun = performance.now()
    const finished = new Promise<void>((resolve) => {
      worker.on('completed', () => {
        if (++done === JOBS) resolve()
      })
    })
    for (let at = 0; at < JOBS; at += BULK) {
      await queue.addBulk(
        Array.from({ length: BULK }, (_, value) => ({ name: 'noop', data: { value: at + value } })),
      )
    }
    await finished
    return { name: 'BullMQ no-op jobs', perSecond: Math.round(JOBS / ((performance.now() - begun) / 1000)) }
  } finally {
    await worker.close()
    await queue.close()
    await redis.stop()
  }
}
