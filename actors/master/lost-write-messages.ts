import { reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import type { Put } from '../../runtime/persistence/engine.js'
import type { LostTail } from '../messages/masters.js'
import type { LostWrite } from './lost-writes.js'
import { recordViolations } from './records.js'

/* Lost writes on their way between Masters (protocol 12): JSON text, as the record cache holds it. */

export interface LostWriteLimits {
  readonly lostWriteRecords: number
  readonly lostWriteRecordBytes: number
  readonly lostWriteLooks: number
}

/** Cuts lost writes into pieces that fit one message between Masters and one step of the core. Undefined: end the turn. */
export function* lostWritePieces(
  looks: Iterable<Put | undefined>,
  most: LostWriteLimits = limits,
): Generator<{ readonly puts: readonly Put[]; readonly last: boolean } | undefined, void, undefined> {
  let puts: Put[] = []
  let bytes = 0
  let looked = 0
  for (const put of looks) {
    // The turn is over; the piece continues in the next one.
    if (looked++ >= most.lostWriteLooks) {
      yield undefined
      looked = 0
    }
    if (!put) continue
    // The record is text inside the JSON of the message.
    const size = Buffer.byteLength(JSON.stringify(put.json))
    if (
      puts.length > 0 &&
      (puts.length >= most.lostWriteRecords || bytes + size > most.lostWriteRecordBytes)
    ) {
      yield { puts, last: false }
      puts = []
      bytes = 0
      looked = 0
    }
    puts.push(put)
    bytes += size
  }
  yield { puts, last: true }
}

export const lostWriteMessage = (puts: readonly Put[], last: boolean): LostTail => ({
  type: 'LostTail',
  records: puts.map(({ table, id, json }) => [table, id, json]),
  last,
})

export const putsOf = ({ records }: LostTail): Put[] =>
  records.map(([table, id, json]) => ({ table, id, json }))

/** Where a record that is left out is told of. */
interface WarningLog {
  warn(text: string, fields: Readonly<Record<string, unknown>>): void
}

/** What cannot be read is logged and left out: nobody else is hindered by it. */
export function readLostWrites(puts: readonly Put[], log: WarningLog): LostWrite[] {
  const read: LostWrite[] = []
  for (const { table, id, json } of puts) {
    const value = parse(json)
    const reason = 'error' in value ? value.error : recordViolations[table](value.value)
    if (reason === undefined) read.push({ table, id, value: (value as { value: object }).value })
    else log.warn('STORE_UNREADABLE: an unreadable lost write was left out', { table, id, reason })
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
