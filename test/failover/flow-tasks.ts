import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

export interface FlowInput {
  readonly file: string
  readonly id: number
  readonly ms: number
}

/** One task of the flow: its effect is a line, so that who reads the file sees how often it ran. */
export async function flow({ file, id, ms }: FlowInput): Promise<number> {
  appendFileSync(file, `${id}\n`)
  await delay(ms)
  return id
}
