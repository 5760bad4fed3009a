import { createInterface } from 'node:readline'
import { SegmentReplay } from '../../../actors/master/replay/segment-replay.js'
import { FiresteelError } from '../../errors.js'
import type { SegmentCut } from '../../recording/read-segment.js'
import { type Console, Interrupted, printJson } from './console.js'
import {
  type RecordedSegment,
  type ReplayedLine,
  replaySegment,
  requireInput,
  segmentsAt,
} from './recordings.js'
import {
  differenceLines,
  inputJson,
  inputLines,
  type SegmentResult,
  segmentLine,
  totalLine,
} from './replay-view.js'
import { PAPER, statusText } from './status-list.js'

export interface ReplayOptions {
  readonly from?: number
  readonly to?: number
  readonly list?: true
  readonly step?: true
  readonly status?: true
  readonly json?: true
}

/** Throws USAGE for options that contradict each other. */
export function checkReplayOptions({ from, to, list, step, status, json }: ReplayOptions): void {
  const usage = (message: string) => new FiresteelError('USAGE', message)
  if (from !== undefined && to !== undefined && from > to) throw usage(`--from ${from} is behind --to ${to}.`)
  if (list && step) throw usage('--list and --step cannot go together.')
  if (status && (list || step || json)) throw usage('--status goes with --to alone.')
  if (step && json) throw usage('--step is for people; give --list with --json.')
}

/** Replays a recording, and compares each decision with what was recorded. Throws REPLAY_DIFFERS. */
export async function showReplay(io: Console, name: string, options: ReplayOptions): Promise<number> {
  const segments = await segmentsAt(io.cwd, name)
  const one = ['from', 'to', 'step', 'status'].find(
    (key) => options[key as keyof ReplayOptions] !== undefined,
  )
  if (one && segments.length > 1)
    throw new FiresteelError(
      'USAGE',
      `${name} has ${segments.length} segments; --${one} needs one of them.`,
      {
        help: `Name one, such as ${segments[0]?.name}.`,
      },
    )
  const results: SegmentResult[] = []
  const steps = options.step ? askedSteps(io) : undefined
  let before: { readonly segment: RecordedSegment; readonly replay: SegmentReplay } | undefined
  for (const segment of segments) {
    const replay = new SegmentReplay()
    const result = await replayOne(io, segment, replay, options, steps)
    if (before && before.segment.folder === segment.folder) compareStates(before.replay, result)
    results.push(result)
    before = { segment, replay }
    if (options.status) await io.out(shownState(replay))
    else if (options.json) await printJson(io, jsonOf(result))
    else await io.out(`${[segmentLine(result), ...differenceLines(result)].join('\n')}\n`)
  }
  if (!options.json && results.length > 1) await io.out(`${totalLine(results)}\n`)
  requireEqual(results)
  return 0
}

async function replayOne(
  io: Console,
  segment: RecordedSegment,
  replay: SegmentReplay,
  options: ReplayOptions,
  steps: AsyncIterator<string> | undefined,
): Promise<SegmentResult> {
  const result: SegmentResult = { segment, replay, inputs: 0, decisions: 0, first: undefined, differing: 0 }
  const { from = 1, to, list, json } = options
  let next = from
  /** A number that was asked for, and not only the next one. */
  let asked = options.from
  const onCut = (cut: SegmentCut): void => {
    result.cut = cut
  }
  for await (const replayed of replaySegment(segment, replay, { to, onCut })) {
    if (io.interrupted.aborted) throw new Interrupted()
    result.inputs++
    result.decisions += replayed.did.length
    if (replayed.difference) {
      result.differing++
      result.first ??= replayed
    }
    const { n } = replayed.line
    if (list && n >= from) await printInput(io, replayed, json === true)
    if (!steps || n < next) continue
    await printInput(io, replayed, false)
    const answer = await steps.next()
    if (answer.done || answer.value.trim() === 'q') return result
    asked = Number(answer.value) || undefined
    next = asked ?? n + 1
  }
  if (asked !== undefined && asked > replay.inputs) requireInput(segment.name, asked, replay)
  return result
}

const printInput = (io: Console, replayed: ReplayedLine, json: boolean): Promise<void> =>
  json ? printJson(io, inputJson(replayed)) : io.out(`${inputLines(replayed).join('\n')}\n`)

function shownState(replay: SegmentReplay): string {
  const state = replay.snapshot()
  return state ? statusText(state, replay.now.wallMs, PAPER) : 'there was no input yet\n'
}

/** Lines that are typed: nothing for the next input, a number for that one, q for the end. */
function askedSteps(io: Console): AsyncIterator<string> {
  if (io.interactive) void io.err('Enter: the next input; a number: that one; q: the end\n')
  return createInterface({ input: io.stdin })[Symbol.asyncIterator]()
}

/** The state with which a segment begins is the one that the segment before it came to. */
function compareStates(before: SegmentReplay, result: SegmentResult): void {
  const { replay } = result
  if (!replay.header?.goesOn || replay.header.segment !== (before.header?.segment ?? 0) + 1) return
  if (before.end?.why === 'full' && before.stateSum() !== replay.firstSum) result.beginsOtherwise = true
}

const jsonOf = ({
  segment,
  replay,
  inputs,
  decisions,
  differing,
  first,
  beginsOtherwise,
  cut,
}: SegmentResult) => ({
  segment: segment.name,
  firstInput: replay.header?.firstInput,
  inputs,
  decisions,
  differing,
  ...(first && { first: inputJson(first) }),
  ...(beginsOtherwise && { beginsOtherwise }),
  end: replay.end?.why ?? null,
  ...(cut && { cut: { line: cut.line, offset: cut.offset } }),
})

function requireEqual(results: readonly SegmentResult[]): void {
  const differing = results.filter(({ first, beginsOtherwise }) => first || beginsOtherwise)
  const [result] = differing
  if (!result) return
  const { segment, first, beginsOtherwise } = result
  const where = beginsOtherwise
    ? `${segment.name} does not begin with the state that the segment before it came to`
    : `${segment.name}, input ${first?.line.n} (line ${first?.fileLine}): recorded "${first?.difference?.expected}", replayed "${first?.difference?.got}"`
  const others = differing.length > 1 ? `; ${differing.length - 1} other segments differ as well` : ''
  throw new FiresteelError('REPLAY_DIFFERS', `${where}${others}.`, { place: segment.path })
}
