import { FlightRecorder } from '../../actors/master/replay/flight-recorder.js'
import { SegmentReplay } from '../../actors/master/replay/segment-replay.js'
import { silentLog } from '../../runtime/observe/log.js'
import type { SegmentSink } from '../../runtime/recording/segment-sink.js'

/** A state is saved at most once for so many characters of it, so that large states cost no more. */
const STATE_CHARS = 1000

export interface ReplayingOptions {
  /** So many inputs make a segment: a state is saved, and another core goes on from it. */
  readonly inputsPerSegment: number
  readonly clock: { wallMs(): number }
  /** A replay decided otherwise, or a state was not saved as it was. */
  readonly fail: (text: string) => void
}

/**
 * The shipped recorder, without files: each line is replayed at once by another core, which began with what
 * was saved.
 */
export const replayingRecorder = (options: ReplayingOptions): FlightRecorder =>
  new FlightRecorder({ sink: new ReplayingSink(options), clock: options.clock, log: silentLog })

class ReplayingSink implements SegmentSink {
  readonly isReady = true
  readonly #options: ReplayingOptions
  #replay: SegmentReplay | undefined
  #before: SegmentReplay | undefined
  #segments = 0
  #inputs = 0
  #stateChars = 0
  #hasFailed = false

  constructor(options: ReplayingOptions) {
    this.#options = options
  }

  get isOpen(): boolean {
    return this.#replay !== undefined
  }

  get isFull(): boolean {
    return this.#inputs >= Math.max(this.#options.inputsPerSegment, this.#stateChars / STATE_CHARS)
  }

  begin(head: (segment: number) => Iterator<string>): void {
    this.#inputs = 0
    this.#stateChars = 0
    this.#replay = new SegmentReplay()
    const lines = { [Symbol.iterator]: () => head(++this.#segments) }
    for (const line of lines) {
      this.#stateChars += line.length
      this.#take(line)
    }
    const { header } = this.#replay
    if (header?.goesOn && this.#before && this.#before.stateSum() !== this.#replay.firstSum)
      this.#differs(`segment ${this.#segments} does not begin as the one before it ended`)
  }

  append(line: string): void {
    this.#inputs++
    this.#take(line)
  }

  end(line: string): void {
    this.#take(line)
    this.#before = this.#replay
    this.#replay = undefined
  }

  async close(): Promise<void> {}

  #take(line: string): void {
    const replayed = this.#replay!.take(JSON.parse(line))
    const { difference } = replayed ?? {}
    if (!replayed || !difference) return
    const { expected, got } = difference
    this.#differs(`input ${replayed.line.n} decided "${expected}", and in its replay "${got}": ${line}`)
  }

  /** What follows a difference differs as well. */
  #differs(text: string): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#options.fail(text)
  }
}
