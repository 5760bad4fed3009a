import { limits } from '../../../runtime/limits.js'
import { isForgotten } from '../../../runtime/persistence/forgotten.js'
import type { Position } from '../../messages/common.js'
import { oversizeOf } from '../../messages/record-size.js'
import type { ClusterState, Leadership } from '../cluster-state.js'
import type { DriverRecord } from '../records.js'
import type { LostWrite } from './lost-write.js'

/*
 * What a leader takes of the lost writes that another Master gives: only what its store may have forgotten,
 * and no record that no Master would have written.
 */

/** Why this record is left out; undefined: it is taken. */
export function lostWriteProblem({ leadership }: ClusterState, lostWrite: LostWrite): string | undefined {
  const { at } = lostWrite.value as { readonly at?: Position }
  if (!at || !mayBeForgotten(at, leadership)) return 'the store that this leader found has not forgotten it'
  return isTooLarge(lostWrite) ? 'RECORD_TOO_LARGE: no Master has let that in' : undefined
}

/** A record does not name its owner, so two leaderships of one epoch cannot be told from each other here. */
const mayBeForgotten = (at: Position, found: Leadership): boolean =>
  isForgotten(at, found) || found.earlier.some(({ epoch }) => epoch === at.epoch)

/** The same rules as where such a record was let in. */
function isTooLarge({ table, value }: LostWrite): boolean {
  if (table !== 'driver' && table !== 'app')
    return Buffer.byteLength(JSON.stringify(value)) > limits.recordBytes
  const { description, replacement } = value as Pick<DriverRecord, 'description' | 'replacement'>
  return oversizeOf(replacement ? [description, replacement.description] : description) !== undefined
}
