import { reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import type { Log } from '../../runtime/observe/log.js'
import type { Put } from '../../runtime/persistence/engine.js'
import type { LostTail } from '../messages/masters.js'
import type { TailRecord } from './lost-tail.js'
import { recordViolations } from './records.js'

/* The lost tail on its way between Masters (protocol 12): JSON text, as the image holds it. */

/** Records in one message and one step: what each writes stays within a commit. */
export const TAIL_CHUNK = 100
/** And their bytes in one message, unless one record has more. */
const TAIL_BYTES = limits.nodeMessageBytes / 2

/** At least one message, each within what a link carries: the last one says that there is no more. */
export function* tailMessages(puts: readonly Put[]): Generator<LostTail> {
  let records: LostTail['records'] = []
  let bytes = 0
  for (const { table, id, json } of puts) {
    // As text inside JSON.
    const size = Buffer.byteLength(JSON.stringify(json))
    if (records.length > 0 && (records.length >= TAIL_CHUNK || bytes + size > TAIL_BYTES)) {
      yield { type: 'LostTail', records, last: false }
      records = []
      bytes = 0
    }
    records.push([table, id, json])
    bytes += size
  }
  yield { type: 'LostTail', records, last: true }
}

export const putsOf = ({ records }: LostTail): Put[] =>
  records.map(([table, id, json]) => ({ table, id, json }))

/** What cannot be read is logged and left out: nobody else is hindered by it. */
export function readTail(puts: readonly Put[], log: Log): TailRecord[] {
  const read: TailRecord[] = []
  for (const { table, id, json } of puts) {
    const value = parse(json)
    const reason = 'error' in value ? value.error : recordViolations[table](value.value)
    if (reason === undefined) read.push({ table, id, value: (value as { value: object }).value })
    else log.warn('STORE_UNREADABLE: a record of a lost tail was left out', { table, id, reason })
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
