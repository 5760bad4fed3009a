import { FlightRecorder } from '../../actors/master/replay/flight-recorder.js'
import { silentLog } from '../../runtime/observe/log.js'
import { segmentLine } from '../../runtime/recording/segment-line.js'
import type { SegmentSink } from '../../runtime/recording/segment-sink.js'
import { MasterWorld } from './master-fixture.js'

/** A Master with a Worker, a driver that runs, one that waits, and an application with executors. */
export function populate(world: MasterWorld): void {
  world.elect()
  world.worker('w1', { cores: 8, memoryMib: 4096 })
  world.submitted({ supervise: true })
  world.submitted({ cores: 100 })
  world.application('a1')
  world.advance(1000)
}

/** Records the life of a Master's core into a sink. */
export async function recordMaster(sink: SegmentSink, live: (world: MasterWorld) => void): Promise<void> {
  const recorder = new FlightRecorder({ sink, clock: { wallMs: () => 0 }, log: silentLog })
  const world = new MasterWorld({}, { isReplayed: false })
  world.core = recorder.newCore(world.config, 'm1-1')
  live(world)
  await recorder.close()
}

/** The same segment with other lines, whose checksums fit. */
export function withLines(segment: string, change: (json: string, index: number) => string): string {
  let before = 0
  const lines: string[] = []
  for (const [index, text] of segment.trimEnd().split('\n').entries()) {
    const { line, sum } = segmentLine(change(text.slice(text.indexOf(' ') + 1), index), before)
    before = sum
    lines.push(line)
  }
  return lines.join('')
}
