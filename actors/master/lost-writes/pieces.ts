import { limits } from '../../../runtime/limits.js'
import type { Put } from '../../../runtime/persistence/engine.js'
import type { LostTail } from '../../messages/masters.js'

/*
 * Lost writes on their way between Masters (protocol 12). They are JSON text, as in the record cache, and go
 * in pieces.
 */

export interface LostWriteLimits {
  readonly lostWriteRecords: number
  readonly lostWriteRecordBytes: number
  readonly lostWriteLooks: number
}

/** Cuts lost writes into pieces. Each fits into one message between Masters and into one step of the core. */
export function* lostWritePieces(
  looks: Iterable<Put | undefined>,
  most: LostWriteLimits = limits,
): Generator<{ readonly puts: readonly Put[]; readonly last: boolean } | undefined, void, undefined> {
  let puts: Put[] = []
  let bytes = 0
  let looked = 0
  for (const put of looks) {
    // The turn is over. The piece continues in the next one.
    if (looked++ >= most.lostWriteLooks) {
      yield undefined
      looked = 0
    }
    if (!put) continue
    // The record is a string inside JSON, so its quotes are escaped.
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
