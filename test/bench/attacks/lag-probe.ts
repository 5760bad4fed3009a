import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { isMainThread } from 'node:worker_threads'

/*
 * Preloaded (`--import lag-probe.js?at=SOCKET`) into a measured process: tells how late its event loop is.
 * Every EVERY_MS one moment asks "if a message had come now, how long would it have waited?", so a long turn
 * counts for each moment that it covers. It is measured twice: by the clock, and bounded by the processor
 * time that this process used meanwhile, which leaves out what other programs of the machine took. Each
 * connection to the socket is one reading, and begins the next one.
 */

const EVERY_MS = 5
const STEP_MS = 0.1
const STEPS = 300_000

export interface Lag {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface LagReading {
  readonly pid: number
  readonly clockMs: Lag
  readonly processorMs: Lag
  /** Part of the time in which this process used a processor; over 1 with more than one thread. */
  readonly load: number
}

class Histogram {
  readonly #counts = new Uint32Array(STEPS)
  #total = 0
  #max = 0

  /** Adds a turn that began this long ago, as each of the moments in it sees it. */
  add(lateMs: number): void {
    this.#max = Math.max(this.#max, lateMs)
    for (let left = lateMs; left >= 0; left -= EVERY_MS) {
      const step = Math.min(STEPS - 1, Math.floor(left / STEP_MS))
      this.#counts[step] = (this.#counts[step] as number) + 1
      this.#total++
    }
  }

  read(): Lag {
    const lag = { p50: this.#at(0.5), p99: this.#at(0.99), max: Math.round(this.#max * 10) / 10 }
    this.#counts.fill(0)
    this.#total = 0
    this.#max = 0
    return lag
  }

  #at(part: number): number {
    let left = this.#total * part
    for (let step = 0; step < STEPS; step++) {
      left -= this.#counts[step] as number
      if (left <= 0) return Math.round(step * STEP_MS * 10) / 10
    }
    return Number.NaN
  }
}

const processorMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function watch(at: string): void {
  const clock = new Histogram()
  const processor = new Histogram()
  let dueMs = performance.now() + EVERY_MS
  let usedMs = processorMs()
  let since = { ms: performance.now(), usedMs }
  const tick = (): void => {
    const nowMs = performance.now()
    const lateMs = Math.max(0, nowMs - dueMs)
    const used = processorMs()
    clock.add(lateMs)
    processor.add(Math.min(lateMs, used - usedMs))
    usedMs = used
    dueMs = nowMs + EVERY_MS
    setTimeout(tick, EVERY_MS).unref()
  }
  setTimeout(tick, EVERY_MS).unref()
  const server = createServer((socket) => {
    const now = { ms: performance.now(), usedMs: processorMs() }
    const load = Math.round((100 * (now.usedMs - since.usedMs)) / (now.ms - since.ms)) / 100
    since = now
    const reading: LagReading = {
      pid: process.pid,
      clockMs: clock.read(),
      processorMs: processor.read(),
      load,
    }
    socket.on('error', () => undefined)
    socket.end(JSON.stringify(reading))
  })
  rmSync(at, { force: true })
  server.listen(at).unref()
}

const at = new URL(import.meta.url).searchParams.get('at')
if (at !== null && isMainThread) watch(at)
