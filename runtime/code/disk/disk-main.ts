import { parentPort } from 'node:worker_threads'
import { errorParts } from '../../errors.js'
import type { Answer, Order } from '../code-disk.js'
import { DiskOrders } from './disk-orders.js'

/* The entry of the thread for files of code (`code-disk.ts`). */

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
