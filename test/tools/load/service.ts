import { appendFileSync } from 'node:fs'
import { sharedNowMs } from './shared-time.js'

/* The supervised driver. It reports all the time which process of which generation it is. */

const BEAT_MS = 20

const [file] = process.argv.slice(2)
const beat = (): void =>
  appendFileSync(file!, `${process.env.FIRESTEEL_GENERATION} ${process.pid} ${sharedNowMs()}\n`)
beat()
setInterval(beat, BEAT_MS)
