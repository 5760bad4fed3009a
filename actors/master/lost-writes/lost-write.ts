import { reasonOf } from '../../../runtime/errors.js'
import type { Put } from '../../../runtime/persistence/engine.js'
import type { LostTail } from '../../messages/masters.js'
import { type RecordTable, recordViolations } from '../records.js'

/** A record that the store forgot and a Master still has. */
export interface LostWrite {
  readonly table: RecordTable
  readonly id: string
  /** Valid for its table. */
  readonly value: object
}

export const putsOf = ({ records }: LostTail): Put[] =>
  records.map(([table, id, json]) => ({ table, id, json }))

/** A record that cannot be read is told and left out. The others are not affected. */
export function readLostWrites(
  puts: readonly Put[],
  leftOut: (put: Put, reason: string) => void,
): LostWrite[] {
  const read: LostWrite[] = []
  for (const put of puts) {
    const { table, id, json } = put
    const value = parse(json)
    const reason = 'error' in value ? value.error : recordViolations[table](value.value)
    if (reason === undefined) read.push({ table, id, value: (value as { value: object }).value })
    else leftOut(put, reason)
  }
  return read
}

function parse(json: string): { readonly value: unknown } | { readonly error: string } {
  try {
    return { value: JSON.parse(json) }
  } catch (error) {
    return { error: reasonOf(error) }
  }
}
