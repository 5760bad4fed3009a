import { meantId } from '../../../actors/client/resolve-id.js'
import { SegmentReplay } from '../../../actors/master/replay/segment-replay.js'
import type { MasterStateResponse } from '../../../actors/messages/status.js'
import { FiresteelError } from '../../errors.js'
import { type Console, Interrupted } from './console.js'
import { explanationOf } from './explain-view.js'
import { replaySegment, segmentsAt } from './recordings.js'

export interface RecordedOptions {
  /** A segment of a recording. */
  readonly replay: string
  /** The last input that is replayed. */
  readonly to?: number
}

/**
 * Why, as a Master would have said it when it recorded: a segment is replayed, and its Master is asked.
 * Throws UNKNOWN_ID, and what a replay throws.
 */
export async function recordedExplanation(io: Console, of: string, { replay: name, to }: RecordedOptions) {
  const [segment, ...others] = await segmentsAt(io.cwd, name)
  if (!segment || others.length > 0)
    throw new FiresteelError('USAGE', `${name} has ${others.length + 1} segments; --replay needs one.`, {
      help: `Name one, such as ${segment?.name}.`,
    })
  const replay = new SegmentReplay()
  for await (const { line, difference } of replaySegment(segment, replay, { to })) {
    if (io.interrupted.aborted) throw new Interrupted()
    if (!difference) continue
    const text = `${name}, input ${line.n} was decided otherwise in this replay, so it cannot say what its Master knew.`
    throw new FiresteelError('REPLAY_DIFFERS', text, { place: segment.path })
  }
  const at = `${name}, input ${replay.inputs}`
  const answer = replay.answer({ type: 'RequestMasterState', of, explain: true })
  if (answer?.type !== 'MasterStateResponse')
    throw new FiresteelError('UNKNOWN_ID', `${name} holds no input, so its Master knew nothing yet.`)
  const state = answer as unknown as MasterStateResponse
  const found = meantId(state, of) === undefined ? undefined : explanationOf(state, replay.now.wallMs)
  if (found) return found
  const why = state.state === 'STANDBY' ? 'the Master stood by' : 'the Master knew no such thing'
  throw new FiresteelError('UNKNOWN_ID', `${at}: ${why}, so it cannot explain ${JSON.stringify(of)}.`, {
    help: 'Give another segment, or another input with --to. `firesteel replay FILE --list` has them.',
  })
}
