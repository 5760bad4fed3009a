import { SegmentReplay } from '../../actors/master/replay/segment-replay.js'
import { reasonOf } from '../../runtime/errors.js'
import { replaySegment, segmentsAt } from '../../runtime/launch/cli/recordings.js'
import { type Violation, violation } from './violations.js'

/** Replays all that the Masters of a cluster recorded. */
export async function replayed(folder: string, say: (line: string) => void): Promise<Violation[]> {
  const found: Violation[] = []
  let segments = 0
  let inputs = 0
  let decisions = 0
  for (const segment of await segmentsAt('/', folder).catch(() => [])) {
    segments++
    try {
      for await (const { line, did, difference } of replaySegment(segment, new SegmentReplay())) {
        inputs++
        decisions += did.length
        if (!difference) continue
        const { expected, got } = difference
        found.push(
          violation(
            'decisionsDiffer',
            `${segment.path}, input ${line.n}: recorded "${expected}", replayed "${got}"`,
          ),
        )
        // What follows a difference differs as well.
        break
      }
    } catch (error) {
      found.push(violation('decisionsDiffer', reasonOf(error)))
    }
  }
  if (inputs === 0) found.push(violation('decisionsDiffer', `nothing was recorded in ${folder}`))
  say(
    `replayed ${segments} segments: ${inputs} inputs, ${decisions} decisions, ${found.length} segments differ`,
  )
  return found
}
