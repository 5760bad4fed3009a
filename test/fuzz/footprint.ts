import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { AnyTarget } from './target.js'

/** What a process holds while nothing runs in it. */
export interface Footprint {
  readonly heapBytes: number
  /** Exact counts: descriptors, sockets, timers, and what the target counts. */
  readonly counts: Readonly<Record<string, number>>
}

/** Resources that come and go with the event loop itself. */
const passing: ReadonlySet<string> = new Set([
  'Immediate',
  'TickObject',
  'CloseReq',
  'FSReqPromise',
  'Timeout*',
])

function counts(target: AnyTarget): Record<string, number> {
  const all: Record<string, number> = { ...target.gauges?.(), descriptors: descriptors() }
  for (const name of process.getActiveResourcesInfo())
    if (!passing.has(name)) all[name] = (all[name] ?? 0) + 1
  return all
}

/** Counts descriptors on Linux. Elsewhere there is no cheap way, and it returns 0. */
function descriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}

async function collected(): Promise<number> {
  const { gc } = globalThis
  if (!gc) throw new Error('the fuzzer runs with --expose-gc')
  for (let round = 0; round < 4; round++) {
    gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

export async function footprint(target: AnyTarget): Promise<Footprint> {
  const heapBytes = await collected()
  return { heapBytes, counts: counts(target) }
}

/** A heap varies by this much while its code is optimised. */
const HEAP_NOISE_BYTES = 4 * 2 ** 20

/**
 * Reports what has grown since `before`, after a time in which things can end by themselves. Undefined:
 * nothing.
 */
export async function grown(
  target: AnyTarget,
  before: Footprint,
  settleMs: number,
): Promise<{ what?: string; heapBytes: number }> {
  const untilMs = performance.now() + settleMs
  for (;;) {
    const now = await footprint(target)
    const more = Object.entries(now.counts).filter(([name, count]) => count > (before.counts[name] ?? 0))
    const heapBytes = now.heapBytes - before.heapBytes
    if (more.length === 0 && heapBytes <= HEAP_NOISE_BYTES) return { heapBytes }
    if (performance.now() > untilMs) {
      const names = more.map(([name, count]) => `${name} from ${before.counts[name] ?? 0} to ${count}`)
      if (heapBytes > HEAP_NOISE_BYTES) names.push(`heap by ${Math.round(heapBytes / 1024)} KiB`)
      return { what: `growth: ${names.join(', ')}`, heapBytes }
    }
    await delay(50)
  }
}
