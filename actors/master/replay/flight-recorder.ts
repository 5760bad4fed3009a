import type { Clock } from '../../../runtime/clock.js'
import { reasonOf } from '../../../runtime/errors.js'
import type { Log } from '../../../runtime/observe/log.js'
import type { SegmentSink } from '../../../runtime/recording/segment-sink.js'
import { release } from '../../../runtime/release.js'
import type { CommitQueueView } from '../commit-queue-view.js'
import type { MasterConfig } from '../master-config.js'
import { MasterCore } from '../master-core.js'
import type { MasterInput } from '../master-input.js'
import type { MasterSnapshot } from '../snapshot-cache.js'
import type { Now, Step } from '../step.js'
import { decisionsOf } from './decisions.js'
import {
  type EndLine,
  type InputLine,
  type QueueLine,
  queueLineOf,
  type RecordingHeader,
  recordedInput,
} from './recording.js'
import { stateLines } from './state-lines.js'

/** Makes the core of an incarnation. */
export type NewCore = (config: MasterConfig, incarnation: string) => MasterCore

export interface FlightRecorderOptions {
  readonly sink: SegmentSink
  readonly clock: Pick<Clock, 'wallMs'>
  readonly log: Log
}

/**
 * Records all that reaches the cores of a Master's process, one core after the other, and what they decide.
 * The core is the only place that it needs: nothing else of a Master decides.
 */
export class FlightRecorder {
  readonly #options: FlightRecorderOptions
  readonly #release = release()
  #core: RecordedCore | undefined
  #inputs = 0
  /** The input after which the segment before ended in order. */
  #endedAt: number | undefined
  #queue: string | undefined

  constructor(options: FlightRecorderOptions) {
    this.#options = options
  }

  newCore(config: MasterConfig, incarnation: string): MasterCore {
    this.#end('the leadership is over')
    this.#endedAt = undefined
    this.#core = new RecordedCore(config, incarnation, this)
    return this.#core
  }

  async close(): Promise<void> {
    this.#end('the Master stops')
    this.#core = undefined
    await this.#options.sink.close()
  }

  /** What the input is as a line, before the core may change it. Undefined: it is not recorded. */
  before(core: RecordedCore, now: Now, view: CommitQueueView, input: MasterInput): string | undefined {
    if (core !== this.#core) return undefined
    this.#inputs++
    if (!this.#options.sink.isOpen && !this.#begin(core)) return undefined
    return this.#line(now, view, { input: recordedInput(input) })
  }

  after(line: string, result: Pick<InputLine, 'did' | 'threw'>): void {
    const { sink } = this.#options
    if (!sink.isOpen) return
    const more = JSON.stringify(result)
    sink.append(more === '{}' ? line : `${line.slice(0, -1)},${more.slice(1)}`)
    if (sink.isFull) this.#end('full')
  }

  /** Rows were made for readers. What answers show afterwards is made of them. */
  shown(core: RecordedCore, now: Now, view: CommitQueueView): void {
    // The state at the beginning of a segment has no rows, so this may be left out.
    if (core !== this.#core || !this.#options.sink.isOpen) return
    this.#inputs++
    this.after(this.#line(now, view, {}), {})
  }

  #line(now: Now, view: CommitQueueView, what: Pick<InputLine, 'input'>): string {
    const queue = this.#changed(queueLineOf(view))
    const at = [now.monotonicMs, now.wallMs] as const
    return JSON.stringify({ n: this.#inputs, at, ...(queue && { queue }), ...what } satisfies InputLine)
  }

  #begin(core: RecordedCore): boolean {
    const { sink, clock, log } = this.#options
    if (!sink.isReady) return false
    const header = (segment: number): RecordingHeader => ({
      kind: 'segment',
      firesteelRecording: 1,
      release: this.#release,
      node: process.versions.node,
      beganAt: new Date(clock.wallMs()).toISOString(),
      incarnation: core.incarnation,
      segment,
      goesOn: this.#endedAt === this.#inputs - 1,
      firstInput: this.#inputs,
      config: core.config,
    })
    try {
      const state = stateLines(core.capture())
      sink.begin((segment) => headLines(header(segment), state))
    } catch (error) {
      log.error('the state of this Master cannot be recorded', { reason: reasonOf(error) })
      this.#core = undefined
      return false
    }
    this.#endedAt = undefined
    this.#queue = undefined
    return true
  }

  #end(why: EndLine['why']): void {
    const { sink } = this.#options
    if (!sink.isOpen) return
    this.#endedAt = this.#inputs
    sink.end(JSON.stringify({ kind: 'end', inputs: this.#inputs, why } satisfies EndLine))
  }

  #changed(queue: QueueLine): QueueLine | undefined {
    const text = queue.join()
    if (text === this.#queue) return undefined
    this.#queue = text
    return queue
  }
}

function* headLines(header: RecordingHeader, state: Iterable<string>): Generator<string> {
  yield JSON.stringify(header)
  yield* state
}

/** A core whose inputs are recorded. */
class RecordedCore extends MasterCore {
  readonly config: MasterConfig
  readonly incarnation: string
  readonly #recorder: FlightRecorder
  #version = 0

  constructor(config: MasterConfig, incarnation: string, recorder: FlightRecorder) {
    super(config)
    this.config = config
    this.incarnation = incarnation
    this.#recorder = recorder
  }

  override step(input: MasterInput, now: Now, view: CommitQueueView): Step {
    const line = this.#recorder.before(this, now, view, input)
    if (line === undefined) return super.step(input, now, view)
    let step: Step
    try {
      step = super.step(input, now, view)
    } catch (error) {
      this.#recorder.after(line, { threw: reasonOf(error) })
      throw error
    }
    const did = decisionsOf(step)
    this.#recorder.after(line, did.length > 0 ? { did } : {})
    return step
  }

  /** What answers show may have been made here, so that it is a part of the record. */
  override snapshot(view: CommitQueueView, now: Now): MasterSnapshot {
    const snapshot = super.snapshot(view, now)
    if (snapshot.version === this.#version) return snapshot
    this.#version = snapshot.version
    this.#recorder.shown(this, now, view)
    return snapshot
  }
}
