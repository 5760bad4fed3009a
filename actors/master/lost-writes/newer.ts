import { comparePositions } from '../../../runtime/persistence/engine.js'
import type { Position } from '../../messages/common.js'

const start: Position = { epoch: 0, seq: 0 }

/** Was the first record written later than the second one? */
export const isNewer = (one: { at?: Position | undefined }, other: { at?: Position | undefined }): boolean =>
  comparePositions(one.at ?? start, other.at ?? start) > 0
