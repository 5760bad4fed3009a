import { setTimeout as delay } from 'node:timers/promises'
import { context } from '../../actors/executor/task.js'
import { tracer } from './telemetry-sdk.js'

/** Its own span begins after a wait, when other tasks of the thread have begun as well. */
export async function traced(n: number): Promise<string> {
  await delay(20)
  return tracer.startActiveSpan(`user ${n}`, (span) => {
    span.end()
    return context().trace?.traceparent ?? 'none'
  })
}

export function failsOnce(): number {
  if (context().attempt === 1) throw new RangeError('the first time')
  return context().attempt
}
