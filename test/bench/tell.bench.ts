import { pathToFileURL } from 'node:url'
import { systemClock } from '../../runtime/clock.js'
import type { Ref } from '../../runtime/system/ref.js'
import { type ActorSystem, createSystem } from '../../runtime/system/system.js'
import { TraceRing } from '../../runtime/trace/ring.js'

interface Count {
  readonly type: 'Count'
  readonly value: number
}

export interface BenchResult {
  readonly name: string
  /** Median of the runs. */
  readonly perSecond: number
  readonly best: number
}

const total = 1_000_000
/** Messages under way at once: a real backlog, below the default bound of a mailbox. */
const window = 10_000
const runs = 7

/** Local tells through the relay, with the trace ring on: sent by one actor, handled by another. */
export async function benchTell(): Promise<BenchResult> {
  const system = createSystem({
    name: 'firesteel://bench@127.0.0.1:0',
    clock: systemClock,
    epoch: () => 1,
    ring: new TraceRing(),
  })
  const rates: number[] = []
  for (let run = 0; run < runs; run++) rates.push(await once(system, run))
  await system.shutdown()
  rates.sort((a, b) => a - b)
  const median = rates[runs >> 1] as number
  return { name: 'local tells', perSecond: Math.round(median), best: Math.round(rates.at(-1) as number) }
}

async function once(system: ActorSystem, run: number): Promise<number> {
  const { promise, resolve, reject } = deferred()
  const sink = system.spawn<Count>(`receiver-${run}`, (context) => {
    let seen = 0
    let sum = 0
    return {
      receive(message) {
        sum += message.value
        if (++seen === total) {
          if (sum === (total * (total - 1)) / 2) resolve()
          else reject(new Error('messages were lost'))
          context.stop()
        } else if (seen % window === 0) system.tell(source, { type: 'Send', from: seen })
      },
    }
  })
  const source: Ref<{ type: 'Send'; from: number }> = system.spawn(`sender-${run}`, (context) => ({
    receive({ from }: { type: 'Send'; from: number }) {
      for (let value = from; value < from + window; value++) context.tell(sink, { type: 'Count', value })
      if (from + window === total) context.stop()
    },
  }))
  const start = performance.now()
  system.tell(source, { type: 'Send', from: 0 })
  await promise
  return total / ((performance.now() - start) / 1000)
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve: () => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(JSON.stringify(await benchTell()))
}
