import type { SegmentReplay } from '../../../actors/master/replay/segment-replay.js'
import { printable } from '../../observe/printable.js'
import { counted } from '../../pages/words.js'
import type { SegmentCut } from '../../recording/read-segment.js'
import { shownPayload } from '../../trace/payload.js'
import type { RecordedSegment, ReplayedLine } from './recordings.js'

/* What `firesteel replay` prints. Contents are shortened, and secrets left out, as in traces. */

export interface SegmentResult {
  readonly segment: RecordedSegment
  readonly replay: SegmentReplay
  inputs: number
  decisions: number
  differing: number
  /** The first input that was decided otherwise. */
  first: ReplayedLine | undefined
  /** Its state is not the one that the segment before it came to. */
  beginsOtherwise?: boolean
  /** The file stops in the middle of a line. */
  cut?: SegmentCut
}

const KILLED = 'the Master was killed, or still writes'

export function segmentLine({ segment, replay, inputs, decisions, ...result }: SegmentResult): string {
  const { header, end } = replay
  const { cut } = result
  const name = printable(segment.name)
  if (!replay.core) return `${name}: ${KILLED}, before the state that it begins with was written`
  const differs = result.differing > 0 || result.beginsOtherwise
  const parts = [
    `${name}: ${header?.beganAt}`,
    `${counted(inputs, 'input')} from ${header?.firstInput}`,
    `${counted(decisions, 'decision')} ${differs ? 'NOT ALL EQUAL' : 'all equal'}`,
    end ? end.why : `no end: ${KILLED}${cut ? ` (line ${cut.line} is cut off)` : ''}`,
  ]
  return parts.join(', ')
}

export function totalLine(results: readonly SegmentResult[]): string {
  const sum = (of: (result: SegmentResult) => number) => results.reduce((all, result) => all + of(result), 0)
  const differing = results.filter((result) => result.differing > 0 || result.beginsOtherwise).length
  const verdict = differing > 0 ? `${counted(differing, 'segment')} NOT equal` : 'all equal'
  const inputs = counted(
    sum((result) => result.inputs),
    'input',
  )
  const decisions = counted(
    sum((result) => result.decisions),
    'decision',
  )
  return `${counted(results.length, 'segment')}, ${inputs}, ${decisions}: ${verdict}`
}

export function differenceLines({ first, differing }: SegmentResult): string[] {
  if (!first?.difference) return []
  const { expected, got } = first.difference
  return [
    `  ${counted(differing, 'input')} differ; the first is input ${first.line.n}, in line ${first.fileLine}:`,
    ...inputLines(first).map((line) => `  ${line}`),
    `    recorded  ${printable(expected)}`,
    `    replayed  ${printable(got)}`,
  ]
}

/** One input, and what it decided below it. */
export function inputLines({ line, did, difference }: ReplayedLine): string[] {
  const at = new Date(line.at[1]).toISOString()
  const mark = difference ? '  DIFFERS' : ''
  return [`${line.n}  ${at}  ${inputText(line)}${mark}`, ...did.map((text) => `    ${printable(text)}`)]
}

function inputText({ input }: ReplayedLine['line']): string {
  if (!input) return 'rows were made for readers'
  switch (input.kind) {
    case 'message':
      return printable(`${input.message.type} from ${input.from}`)
    case 'timer':
      return printable(`timer ${Object.values(input.timer).join(' ')}`)
    case 'linkUp':
      return printable(`linkUp ${input.peer.incarnation}`)
    case 'linkDown':
      return printable(`linkDown ${input.incarnation}`)
    case 'elected':
      return `elected for epoch ${input.epoch}`
    default:
      return input.kind
  }
}

export const inputJson = ({ line, did, difference, fileLine }: ReplayedLine) => ({
  n: line.n,
  line: fileLine,
  at: new Date(line.at[1]).toISOString(),
  monotonicMs: line.at[0],
  input: line.input ? shownPayload({ type: line.input.kind, ...line.input }) : null,
  did,
  ...(difference && { difference }),
})
