import { FlightRecorder } from '../../../actors/master/replay/flight-recorder.js'
import { systemClock } from '../../clock.js'
import type { Log } from '../../observe/log.js'
import { ownFolder } from '../../recording/segment-folder.js'
import { SegmentWriter } from '../../recording/segment-writer.js'
import { MIB_BYTES } from '../../units.js'

/** The recorder of a Master. Throws a coded error if its folder cannot be used. */
export async function openRecorder(folder: string, maxMib: number, log: Log): Promise<FlightRecorder> {
  const files = await ownFolder(folder)
  const clock = systemClock
  const sink = new SegmentWriter({ folder, files, maxBytes: maxMib * MIB_BYTES, clock, log })
  log.info('this Master records what reaches it and what it decides', { folder, maxMib })
  return new FlightRecorder({ sink, clock, log })
}
