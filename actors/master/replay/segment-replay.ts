import { crc32 } from 'node:zlib'
import { reasonOf } from '../../../runtime/errors.js'
import type { ClientMessage, MasterMessage } from '../../messages/catalogue.js'
import { MasterCore } from '../master-core.js'
import type { MasterSnapshot } from '../snapshot-cache.js'
import type { Now, Step } from '../step.js'
import { decisionsOf } from './decisions.js'
import {
  type EndLine,
  type InputLine,
  nowOf,
  type QueueLine,
  RECORDED_REPLY,
  type RecordingHeader,
  recordingHeader,
  type StateLine,
  viewOf,
} from './recording.js'
import { StateReader, stateLines } from './state-lines.js'

/** One input, replayed. */
export interface Replayed {
  readonly line: InputLine
  /** What the core decided now; undefined: it failed, or there was nothing to decide. */
  readonly step: Step | undefined
  readonly did: readonly string[]
  readonly difference: Difference | undefined
}

/** Where a replay decided otherwise. */
export interface Difference {
  /** The place in the list of decisions, from 0. */
  readonly index: number
  readonly expected: string
  readonly got: string
}

const NOTHING = 'nothing'

/**
 * Replays one segment, line by line: the core decides again what it decided when it was recorded. Pure: it
 * reads no file and no clock. Throws a RangeError that says which rule a line breaks.
 */
export class SegmentReplay {
  #header: RecordingHeader | undefined
  #state: StateReader | undefined
  #core: MasterCore | undefined
  #queue: QueueLine | undefined
  #end: EndLine | undefined
  #firstSum = 0
  #inputs = 0
  #now: Now = { monotonicMs: 0, wallMs: 0 }

  get header(): RecordingHeader | undefined {
    return this.#header
  }

  /** The core as it is after the last line; undefined: its state is not whole yet. */
  get core(): MasterCore | undefined {
    return this.#core
  }

  /** The time of the last input. */
  get now(): Now {
    return this.#now
  }

  /** What readers would be shown after the last line; undefined: there was no input yet. */
  snapshot(): MasterSnapshot | undefined {
    return this.#queue && this.#core?.snapshot(viewOf(this.#queue), this.#now)
  }

  /**
   * What a client that asked after the last line would be answered; undefined: nothing, or there was no input
   * yet. A copy of the core is asked, so the replay goes on as if nobody had.
   */
  answer(message: MasterMessage): ClientMessage | undefined {
    if (!this.#core || !this.#queue) return undefined
    const core = new MasterCore(this.#header!.config)
    core.load(this.#core.save())
    const view = viewOf(this.#queue)
    const asker = { incarnation: 'replay', role: 'client', host: '127.0.0.1' } as const
    core.step({ kind: 'linkUp', peer: asker }, this.#now, view)
    const input = { kind: 'message', from: asker.incarnation, message, reply: RECORDED_REPLY } as const
    const { free, gated } = core.step(input, this.#now, view)
    for (const effect of [...free, ...gated]) if ('reply' in effect) return effect.message
    return undefined
  }

  /** The number of the last input. */
  get inputs(): number {
    return this.#inputs
  }

  /** Absent: the Master was killed, or it still writes, or there was no place on the disk. */
  get end(): EndLine | undefined {
    return this.#end
  }

  /** A checksum of the state with which it begins: the `stateSum` of the segment that it follows. */
  get firstSum(): number {
    return this.#firstSum
  }

  /** A checksum of the state after the last line. */
  stateSum(): number {
    let sum = 0
    for (const line of this.#core ? stateLines(this.#core.save()) : []) sum = crc32(line, sum)
    return sum
  }

  take(value: unknown): Replayed | undefined {
    if (typeof value !== 'object' || value === null) throw new RangeError('it is no object')
    if (this.#end) throw new RangeError('it stands behind the last line of the segment')
    if (!this.#header) {
      this.#begin(value)
      return undefined
    }
    if (!this.#core) {
      this.#readState(value as StateLine)
      return undefined
    }
    if ('kind' in value) {
      this.#readEnd(value as EndLine)
      return undefined
    }
    return this.#replay(this.#core, value as InputLine)
  }

  #begin(value: object): void {
    const read = recordingHeader.safeParse(value)
    if (!read.success) {
      const [issue] = read.error.issues
      throw new RangeError(`it is not the header of a recording: ${issue?.path.join('.')}: ${issue?.message}`)
    }
    this.#header = read.data as unknown as RecordingHeader
    this.#state = new StateReader()
    this.#inputs = this.#header.firstInput - 1
  }

  #readState(line: StateLine): void {
    const saved = this.#state!.take(line)
    if (!saved) return
    const core = new MasterCore(this.#header!.config)
    core.load(saved)
    this.#core = core
    this.#firstSum = this.stateSum()
    this.#state = undefined
  }

  #readEnd(line: EndLine): void {
    if (line.kind !== 'end') throw new RangeError(`"kind" is ${JSON.stringify(line.kind)}, not "end"`)
    if (line.inputs !== this.#inputs)
      throw new RangeError(`the segment ends after input ${line.inputs}, and ${this.#inputs} was the last`)
    this.#end = line
  }

  #replay(core: MasterCore, line: InputLine): Replayed {
    if (line.n !== this.#inputs + 1) throw new RangeError(`input ${line.n} stands behind ${this.#inputs}`)
    this.#inputs = line.n
    this.#now = nowOf(line)
    this.#queue = line.queue ?? this.#queue
    if (!this.#queue) throw new RangeError('"queue" is missing')
    const view = viewOf(this.#queue)
    if (!line.input) {
      core.snapshot(view, this.#now)
      return { line, step: undefined, did: [], difference: undefined }
    }
    let step: Step | undefined
    let did: readonly string[]
    try {
      step = core.step(line.input, this.#now, view)
      did = decisionsOf(step)
    } catch (error) {
      did = [threwText(reasonOf(error))]
    }
    const expected = line.threw === undefined ? (line.did ?? []) : [threwText(line.threw)]
    return { line, step, did, difference: differenceOf(expected, did) }
  }
}

const threwText = (reason: string): string => `failed: ${reason}`

function differenceOf(expected: readonly string[], got: readonly string[]): Difference | undefined {
  for (let index = 0; index < Math.max(expected.length, got.length); index++) {
    if (expected[index] === got[index]) continue
    return { index, expected: expected[index] ?? NOTHING, got: got[index] ?? NOTHING }
  }
  return undefined
}
