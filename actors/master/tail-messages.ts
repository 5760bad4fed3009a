import { reasonOf } from '../../runtime/errors.js'
import type { Log } from '../../runtime/observe/log.js'
import type { Put } from '../../runtime/persistence/engine.js'
import type { LostTail } from '../messages/masters.js'
import type { TailRecord } from './lost-tail.js'
import { recordViolations } from './records.js'

/* The lost tail on its way between Masters (protocol 12): JSON text, as the image holds it. */

/** Records in one message and one step: what each writes stays within a commit. */
export const TAIL_CHUNK = 100

/** At least one message: the last one says that there is no more. */
export function tailMessages(puts: readonly Put[]): LostTail[] {
  const messages: LostTail[] = []
  for (let start = 0; start === 0 || start < puts.length; start += TAIL_CHUNK) {
    const records: LostTail['records'] = puts
      .slice(start, start + TAIL_CHUNK)
      .map(({ table, id, json }) => [table, id, json])
    messages.push({ type: 'LostTail', records, last: start + TAIL_CHUNK >= puts.length })
  }
  return messages
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
