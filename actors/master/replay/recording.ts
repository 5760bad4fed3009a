import * as z from '../../../runtime/zod.js'
import type { CommitQueueView } from '../commit-queue-view.js'
import type { MasterConfig } from '../master-config.js'
import type { MasterInput } from '../master-input.js'
import type { Now, ReplyToken } from '../step.js'
import type { ClusterHead, ClusterTables, SavedCore } from './saved-core.js'

/*
 * The lines of a segment: a header, the state of the core, then one line for each input with what the core
 * decided. A segment that was ended in order says so in its last line.
 */

export const recordingHeader = z.object({
  kind: z.literal('segment'),
  /** The format and its version. */
  firesteelRecording: z.literal(1),
  release: z.string(),
  node: z.string(),
  /** Wall clock. */
  beganAt: z.string(),
  incarnation: z.string(),
  segment: z.int().min(1),
  /** It begins where the segment before it ended. */
  goesOn: z.boolean(),
  /** The number of its first input. Inputs are counted over the life of the process. */
  firstInput: z.int().min(1),
  config: z.record(z.string(), z.unknown()),
})
export type RecordingHeader = Omit<z.infer<typeof recordingHeader>, 'config'> & {
  readonly config: MasterConfig
}

/** The state of a core without the rows of its cluster state. */
export type SavedHead = Omit<SavedCore, 'cluster'> & { readonly cluster: ClusterHead | undefined }

/** What the core is told of its commit queue. */
export type QueueLine = readonly [
  epoch: number,
  seq: number,
  degradation: CommitQueueView['degradation'] | null,
  isFull: boolean | null,
  storeReachable: boolean | null,
  queuedBytes: number | null,
]

export interface InputLine {
  readonly n: number
  readonly at: readonly [monotonicMs: number, wallMs: number]
  /** Absent: as at the input before. */
  readonly queue?: QueueLine
  /** Absent: the state was shown to readers, which decides nothing. */
  readonly input?: MasterInput
  /** What it decided; absent: nothing. */
  readonly did?: readonly string[]
  /** The core failed, with this. */
  readonly threw?: string
}

export type StateLine =
  | ({ readonly kind: 'state' } & SavedHead)
  | { readonly kind: 'rows'; readonly table: keyof ClusterTables; readonly rows: readonly unknown[] }
  /** The state is whole. */
  | { readonly kind: 'saved' }

export interface EndLine {
  readonly kind: 'end'
  readonly inputs: number
  readonly why: 'full' | 'the leadership is over' | 'the Master stops'
}

export const nowOf = ({ at: [monotonicMs, wallMs] }: InputLine): Now => ({ monotonicMs, wallMs })

export const queueLineOf = (view: CommitQueueView): QueueLine => [
  view.position.epoch,
  view.position.seq,
  view.degradation ?? null,
  view.isFull ?? null,
  view.storeReachable ?? null,
  view.queuedBytes ?? null,
]

export const viewOf = ([epoch, seq, degradation, isFull, storeReachable, queuedBytes]: QueueLine) =>
  ({
    position: { epoch, seq },
    degradation: degradation ?? undefined,
    ...(isFull !== null && { isFull }),
    ...(storeReachable !== null && { storeReachable }),
    ...(queuedBytes !== null && { queuedBytes }),
  }) satisfies CommitQueueView

/** Where an answer goes is a matter of the shell; whether one is waited for is not. */
export const RECORDED_REPLY: ReplyToken = 'recorded'

export function recordedInput(input: MasterInput): MasterInput {
  return input.kind === 'message' && input.reply !== undefined ? { ...input, reply: RECORDED_REPLY } : input
}
