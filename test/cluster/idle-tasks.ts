import { setTimeout as delay } from 'node:timers/promises'
import { context } from '../../actors/executor/task.js'

/* Tasks of `idle-applications.test.ts`. */

export async function wait(n: number): Promise<number> {
  await delay(300)
  return n
}

/** The executor that ran it, after a while. */
export async function ids(ms: number): Promise<number> {
  const { id } = context().executor
  await delay(ms)
  return Number(id.split('/')[1])
}
