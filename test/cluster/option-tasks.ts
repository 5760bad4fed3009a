import { getHeapStatistics } from 'node:v8'
import { context } from '../../actors/executor/task.js'

/* Tasks of `option-effects.test.ts`: what an executor got of the options of its application. */

export function facts() {
  const { cores, resources } = context().executor
  return {
    cores,
    gpus: resources.gpu?.length ?? 0,
    variable: process.env.OPTION_EFFECT ?? '',
    execArgv: process.execArgv,
    heapMib: Math.round(getHeapStatistics().heap_size_limit / 2 ** 20),
  }
}

/** Prints on both outputs, with a line break and a control character. */
export function say(text: string): void {
  console.log(`${text}\nand more \u001b[2J`)
  console.error(`loud ${text}`)
}

export const bytes = (count: number): Uint8Array => new Uint8Array(count)

export const sizeOf = (body: Uint8Array): number => body.length

/** Waits until so many of its calls have once been under way in this thread. Gives how many are. */
let now = 0
let most = 0
export async function together(count: number): Promise<number> {
  most = Math.max(most, ++now)
  while (most < count) await new Promise((resolve) => setTimeout(resolve, 2))
  await new Promise((resolve) => setTimeout(resolve, 20))
  return now--
}

let held: Buffer | undefined

/** Keeps so much memory, as a task that leaks. */
export function holds(mib: number): number {
  held = Buffer.alloc(mib * 1024 * 1024, 1)
  return held.length / 1024 / 1024
}
