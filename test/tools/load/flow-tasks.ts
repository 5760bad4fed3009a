import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

export interface FlowInput {
  readonly file: string
  readonly id: number
  /** How long it waits; 0: it ends in the same turn. */
  readonly ms: number
  /** Bytes of its result besides the id. */
  readonly resultBytes?: number
  /** Characters of the error that it throws instead. */
  readonly errorCharacters?: number
  /** Makes the input this large. */
  readonly padding?: Uint8Array
}

export interface FlowResult {
  readonly id: number
  readonly body?: Uint8Array
}

/** One task of the flow. Its effect is a line in a file, so that the file shows how often it ran. */
export function flow(input: FlowInput): FlowResult | Promise<FlowResult> {
  appendFileSync(input.file, `${input.id}\n`)
  return input.ms === 0 ? resultOf(input) : delay(input.ms).then(() => resultOf(input))
}

function resultOf({ id, resultBytes, errorCharacters }: FlowInput): FlowResult {
  if (errorCharacters !== undefined) throw new RangeError(`${id} `.padEnd(errorCharacters, '.'))
  return resultBytes === undefined ? { id } : { id, body: new Uint8Array(resultBytes).fill(id) }
}
