import { parentPort } from 'node:worker_threads'
import { errorParts } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { lowerThreadPriority } from '../../process/thread-priority.js'
import type { Answer, Order } from '../code-disk.js'
import { DiskOrders } from './disk-orders.js'

/* The entry of the thread for files of code (`code-disk.ts`). */

// Files of code may wait, heartbeats may not: the event loops of this machine go first.
await lowerThreadPriority(innerLimits.codeDiskNice)

const orders = new DiskOrders()

async function answer({ number, name, args }: Order): Promise<void> {
  let told: Answer
  try {
    const result: unknown = await Reflect.apply(orders[name], orders, args)
    told = { number, result }
  } catch (error) {
    told = { number, failure: errorParts(error) }
  }
  const bytes = (told.result as { bytes?: unknown } | undefined)?.bytes
  parentPort?.postMessage(told, bytes instanceof Uint8Array ? [bytes.buffer as ArrayBuffer] : [])
}

parentPort?.on('message', (order: Order) => void answer(order))
