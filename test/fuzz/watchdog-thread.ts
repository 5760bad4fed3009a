import { writeFileSync, writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { writeFinding } from './finding-file.js'
import type { WatchdogOptions } from './watchdog.js'

/* The watchdog's thread. It still runs if an input hangs. */

const LOOK_MS = 200
const { words, seed, parts, hangMs, progressFile } = workerData as WatchdogOptions & {
  readonly words: Int32Array
}

let seen = ''
let sinceMs = performance.now()

function look(): void {
  const [part = 0, index = 0, count = 1, running = 0] = words
  const now = `${parts[part]} ${index} ${count} ${running}`
  if (now !== seen || running === 0) {
    if (now !== seen) writeFileSync(progressFile, now)
    seen = now
    sinceMs = performance.now()
    return
  }
  if (performance.now() - sinceMs < hangMs) return
  const what = `no end after ${hangMs} ms`
  const indexes = Array.from({ length: count }, (_, at) => index + at)
  const path = writeFinding({ part: parts[part] ?? '', seed, indexes, what })
  writeSync(2, `FOUND ${parts[part]}, input ${index} of seed ${seed}: ${what}\n  --replay ${path}\n`)
  process.kill(process.pid, 'SIGKILL')
}

setInterval(look, LOOK_MS)
parentPort!.postMessage('ready')
