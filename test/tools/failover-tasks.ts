import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** One task of the failover tests: leaves a line each time it runs, and takes a while. */
export async function mark({ file, id, ms }: { file: string; id: number; ms: number }): Promise<number> {
  appendFileSync(file, `${id}\n`)
  await delay(ms)
  return id * id
}
