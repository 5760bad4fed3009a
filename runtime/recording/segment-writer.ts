import { open, unlink } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../clock.js'
import { reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import type { Log } from '../observe/log.js'
import { systemTimers, type TimerSource, within } from '../timers.js'
import { type SegmentFile, segmentPath } from './segment-folder.js'
import { segmentLine } from './segment-line.js'
import type { SegmentSink } from './segment-sink.js'

/** What the writer needs of an open file. */
export interface SegmentHandle {
  write(data: Buffer): Promise<{ readonly bytesWritten: number }>
  truncate(bytes: number): Promise<void>
  close(): Promise<void>
}

export interface SegmentWriterOptions {
  readonly folder: string
  /** What is in the folder, oldest first. */
  readonly files: readonly SegmentFile[]
  /** Of all segments together. */
  readonly maxBytes: number
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Log
  readonly timers?: TimerSource
  /** Makes a file that does not exist yet, which only its owner may read. */
  readonly create?: (path: string) => Promise<SegmentHandle>
}

const createFile = (path: string): Promise<SegmentHandle> => open(path, 'wx', 0o600)

interface Segment {
  readonly number: number
  readonly head: Iterator<string>
  /** Lines that are not written yet, after the head. */
  waiting: string[]
  waitingBytes: number
  /** Of its head, and of the lines after it, written or not. */
  headBytes: number
  lineBytes: number
  written: number
  sum: number
  isHeadOver: boolean
  /** It takes no more lines. */
  isEnded: boolean
  hasFailed: boolean
}

/**
 * Writes segments in the background. Whoever gives it lines never waits for the disk: what the disk has not
 * taken is bounded, and above that, or when the disk is full, the segment stops. The log says so once, and
 * after a while another segment begins.
 */
export class SegmentWriter implements SegmentSink {
  readonly #options: SegmentWriterOptions
  readonly #create: (path: string) => Promise<SegmentHandle>
  readonly #files: SegmentFile[]
  readonly #queue: Segment[] = []
  #next: number
  #current: Segment | undefined
  #waitingBytes = 0
  #notBeforeMs = Number.NEGATIVE_INFINITY
  #isFailing = false
  #work: Promise<void> | undefined
  /** Of the segment that is written. */
  #file: SegmentHandle | undefined

  constructor(options: SegmentWriterOptions) {
    this.#options = options
    this.#create = options.create ?? createFile
    this.#files = [...options.files]
    this.#next = (this.#files.at(-1)?.number ?? 0) + 1
  }

  get isOpen(): boolean {
    return this.#current !== undefined
  }

  get isReady(): boolean {
    return this.#options.clock.monotonicMs() >= this.#notBeforeMs
  }

  get isFull(): boolean {
    const segment = this.#current
    if (!segment?.isHeadOver) return false
    const { headBytes, lineBytes } = segment
    const { maxBytes } = this.#options
    return (
      lineBytes >= Math.max(maxBytes / innerLimits.recordingSegments, headBytes) ||
      headBytes + lineBytes >= maxBytes / 2
    )
  }

  begin(head: (segment: number) => Iterator<string>): void {
    const number = this.#next++
    this.#current = {
      number,
      head: head(number),
      waiting: [],
      waitingBytes: 0,
      headBytes: 0,
      lineBytes: 0,
      written: 0,
      sum: 0,
      isHeadOver: false,
      isEnded: false,
      hasFailed: false,
    }
    this.#queue.push(this.#current)
    this.#work ??= this.#run()
  }

  append(line: string): void {
    const segment = this.#current
    if (!segment) return
    segment.waiting.push(line)
    const bytes = Buffer.byteLength(line) + LINE_REST
    segment.lineBytes += bytes
    segment.waitingBytes += bytes
    this.#waitingBytes += bytes
    if (this.#waitingBytes > innerLimits.recordingWaitingBytes) this.#fail(segment, 'the disk is too slow')
    else this.#work ??= this.#run()
  }

  end(line: string): void {
    const segment = this.#current
    if (!segment) return
    this.append(line)
    segment.isEnded = true
    this.#current = undefined
  }

  async close(): Promise<void> {
    if (this.#current) this.#current.isEnded = true
    this.#current = undefined
    const ms = innerLimits.recordingCloseMs
    await within(this.#written(), ms, this.#options.timers ?? systemTimers)
    // A disk that hangs must not keep a Master from its end. A replay takes what is whole.
    for (const segment of this.#queue) this.#fail(segment, `the disk has not taken its end within ${ms} ms`)
  }

  async #written(): Promise<void> {
    while (this.#work !== undefined) await this.#work
  }

  async #run(): Promise<void> {
    // What this turn brings goes with one write.
    await nextTurn()
    for (let segment = this.#queue[0]; segment; segment = this.#queue[0]) {
      const isOver = await this.#writeSegment(segment)
      if (!isOver) break
      this.#queue.shift()
    }
    this.#work = undefined
    const [open] = this.#queue
    if (open && (open.isEnded || open.waiting.length > 0)) this.#work = this.#run()
  }

  /** False: it is open and waits for more lines. */
  async #writeSegment(segment: Segment): Promise<boolean> {
    try {
      for (let chunk = this.#chunk(segment); chunk !== undefined; chunk = this.#chunk(segment)) {
        this.#file ??= await this.#create(segmentPath(this.#options.folder, segment.number))
        await this.#makeRoom(segment, chunk.length)
        await this.#write(segment, chunk)
        if (segment.isHeadOver) this.#well()
        await nextTurn()
      }
    } catch (error) {
      this.#fail(segment, reasonOf(error))
    }
    if (!segment.isEnded) return false
    await this.#closeFile(segment)
    return true
  }

  /** The next lines in one piece: of the head what one turn makes, then all that waits. */
  #chunk(segment: Segment): Buffer | undefined {
    if (segment.hasFailed) return undefined
    if (segment.isHeadOver) return joined(segment, this.#takeWaiting(segment))
    const { clock } = this.#options
    const untilMs = clock.monotonicMs() + innerLimits.recordingTurnMs
    const lines: string[] = []
    do {
      const { value, done } = segment.head.next()
      if (done) {
        segment.isHeadOver = true
        break
      }
      lines.push(value)
    } while (clock.monotonicMs() < untilMs)
    const chunk = joined(segment, lines)
    segment.headBytes += chunk?.length ?? 0
    if (segment.headBytes > this.#options.maxBytes / 2)
      throw new RangeError('the state of this Master takes more than half of tracing.record.maxBytes')
    return chunk ?? this.#chunk(segment)
  }

  #takeWaiting(segment: Segment): string[] {
    const lines = segment.waiting
    segment.waiting = []
    this.#waitingBytes -= segment.waitingBytes
    segment.waitingBytes = 0
    return lines
  }

  async #write(segment: Segment, chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const { bytesWritten } = await this.#file!.write(chunk.subarray(at))
      at += bytesWritten
    }
    segment.written += chunk.length
  }

  /** Removes the oldest segments, so that all together do not exceed their bound. */
  async #makeRoom({ written }: Segment, bytes: number): Promise<void> {
    let all = written + bytes
    for (const file of this.#files) all += file.bytes
    while (all > this.#options.maxBytes) {
      const oldest = this.#files.shift()
      if (!oldest) return
      all -= oldest.bytes
      await unlink(oldest.path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
    }
  }

  /** It is over without its last line. Whole lines of it stay, if its head is whole. */
  #fail(segment: Segment, reason: string): void {
    segment.isEnded = true
    segment.hasFailed = true
    this.#takeWaiting(segment)
    if (this.#current === segment) this.#current = undefined
    const { clock, log, folder } = this.#options
    this.#notBeforeMs = clock.monotonicMs() + innerLimits.recordingRetryMs
    if (!this.#isFailing) log.warn('the recording of this Master has a gap', { reason, folder })
    this.#isFailing = true
  }

  #well(): void {
    if (this.#isFailing) this.#options.log.info('the recording of this Master goes on')
    this.#isFailing = false
  }

  async #closeFile({ number, written, headBytes, isHeadOver }: Segment): Promise<void> {
    const file = this.#file
    this.#file = undefined
    if (!file) return
    const path = segmentPath(this.#options.folder, number)
    // A write that failed may have left a part of a line.
    await file.truncate(written).catch(() => undefined)
    await file.close().catch(() => undefined)
    const hasHead = isHeadOver && written >= headBytes
    if (hasHead) this.#files.push({ number, path, bytes: written })
    else await unlink(path).catch(() => undefined)
  }
}

/** Of each line, beside its JSON. */
const LINE_REST = 10

function joined(segment: Segment, lines: readonly string[]): Buffer | undefined {
  if (lines.length === 0) return undefined
  let text = ''
  for (const json of lines) {
    const { line, sum } = segmentLine(json, segment.sum)
    segment.sum = sum
    text += line
  }
  return Buffer.from(text)
}
