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

export const bytes = (count: number): Uint8Array => new Uint8Array(count)

export const sizeOf = (body: Uint8Array): number => body.length
