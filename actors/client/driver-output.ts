import { Buffer } from 'node:buffer'
import { isFiresteelError, reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { pause } from '../../runtime/pause.js'
import { isEndedDriver } from '../messages/common.js'
import { type AttemptOutput, Shown } from './attempt-outputs.js'
import type { LogReader } from './log-reader.js'
import { attemptsOf, type OutputClient, type OutputOptions } from './read-attempts.js'

/* The output of a driver from all Workers on which it ran, in the order of its attempts. */

export interface OutputPiece {
  /** Set at the beginning of an attempt; absent: the output goes on. */
  readonly attempt?: AttemptOutput
  readonly bytes: Uint8Array
}

/**
 * All attempts, oldest first. With `follow` the newest one goes on, also on other Workers, until the driver
 * ends.
 */
export function driverOutput(
  client: OutputClient,
  id: string,
  options: OutputOptions,
  wait = pause,
): AsyncGenerator<OutputPiece> {
  return new DriverOutput(client, id, options, wait).pieces()
}

class DriverOutput {
  readonly #client: OutputClient
  readonly #id: string
  readonly #options: OutputOptions
  readonly #wait: typeof pause
  readonly #shown = new Shown()
  readonly #onMissing: OutputOptions['onMissing']
  readonly #told = new Set<string>()
  /** The attempt whose output was given last. */
  #of: AttemptOutput | undefined

  constructor(client: OutputClient, id: string, options: OutputOptions, wait: typeof pause) {
    this.#client = client
    this.#id = id
    this.#wait = wait
    this.#onMissing = options.onMissing
    this.#options = { ...options, onMissing: (worker, reason) => this.#missing(worker, reason) }
  }

  async *pieces(): AsyncGenerator<OutputPiece> {
    const { signal, follow, tailLines } = this.#options
    if (tailLines !== undefined) yield* this.#lastLines(tailLines)
    for (let isOver = !follow; !signal.aborted; ) {
      if (tailLines === undefined || follow) yield* this.#round(isOver)
      if (isOver || signal.aborted) return
      const { state } = await this.#status()
      // What it wrote since the last look is still to be shown.
      isOver = isEndedDriver(state)
      if (!isOver) await this.#wait(limits.driverPollMs, signal)
    }
  }

  /** What has not been shown yet. The newest attempt is followed until it ends, unless the driver is over. */
  async *#round(isOver: boolean): AsyncGenerator<OutputPiece> {
    const attempts = await attemptsOf(this.#client, this.#id, this.#options)
    for (const attempt of attempts) {
      if (this.#shown.isWhole(attempt)) continue
      yield* this.#attempt(attempt, !isOver && attempt === attempts.at(-1))
      if (this.#options.signal.aborted) return
    }
  }

  async *#attempt(attempt: AttemptOutput, follow: boolean): AsyncGenerator<OutputPiece> {
    const { output, signal } = this.#options
    const { end, worker } = attempt
    const offset = this.#shown.next(attempt)
    if (offset === end) {
      this.#shown.add(attempt, offset, true)
      return
    }
    const looks = new AbortController()
    try {
      const reader = await this.#client.workerStream(
        worker,
        {
          id: this.#id,
          output,
          follow,
          offset,
          ...(end !== undefined && { end }),
          ...(follow && of(attempt)),
        },
        signal,
      )
      const left = follow ? this.#leaveWhenElsewhere(attempt, reader, looks.signal) : { hasLeft: false }
      let next = offset
      for await (const bytes of reader) {
        yield this.#piece(attempt, bytes)
        next = reader.position ?? next + bytes.length
        this.#shown.add(attempt, next, false)
      }
      if (!signal.aborted && !left.hasLeft) this.#shown.add(attempt, next, true)
    } catch (error) {
      this.#failed(attempt, error, follow)
    } finally {
      looks.abort()
    }
  }

  /** Of all attempts together, found from the newest one back. */
  async *#lastLines(lines: number): AsyncGenerator<OutputPiece> {
    const { output, signal } = this.#options
    const found: { readonly attempt: AttemptOutput; readonly pieces: Uint8Array[] }[] = []
    let left = lines
    const attempts = await attemptsOf(this.#client, this.#id, this.#options)
    for (const attempt of attempts.toReversed()) {
      const { start: offset, end, worker } = attempt
      const isNewest = attempt === attempts.at(-1)
      if ((left <= 0 && !isNewest) || offset === end) {
        this.#shown.add(attempt, offset, !isNewest)
        continue
      }
      const range = { offset, ...(end !== undefined && { end }), tailLines: left }
      const request = { id: this.#id, output, follow: false, ...range }
      const pieces: Uint8Array[] = []
      try {
        const reader = await this.#client.workerStream(worker, request, signal)
        for await (const bytes of reader) pieces.push(bytes)
        this.#shown.add(attempt, reader.position ?? offset, !isNewest)
      } catch (error) {
        this.#failed(attempt, error, false)
      }
      if (signal.aborted) return
      left -= linesIn(pieces)
      found.push({ attempt, pieces })
    }
    for (const { attempt, pieces } of found.reverse())
      for (const bytes of pieces) yield this.#piece(attempt, bytes)
  }

  /** Whoever follows a driver wants the rest of it nevertheless. */
  #failed(attempt: AttemptOutput, error: unknown, isFollowed: boolean): void {
    if (this.#options.signal.aborted) return
    if (!this.#options.follow) throw error
    // A link that broke says nothing about the driver: the next round looks where it is.
    const isForNow = isFiresteelError(error, 'LINK_CLOSED') || isFiresteelError(error, 'BUSY')
    if (!(isFollowed && isForNow)) this.#missing(attempt.workerId, reasonOf(error))
    const isForGood = isFiresteelError(error, 'UNKNOWN_ID') || isFiresteelError(error, 'NOT_ALLOWED')
    if (isForGood) this.#shown.add(attempt, this.#shown.next(attempt), true)
  }

  #piece(attempt: AttemptOutput, bytes: Uint8Array): OutputPiece {
    const goesOn = this.#of !== undefined && Shown.same(this.#of, attempt)
    this.#of = attempt
    return { ...(!goesOn && { attempt }), bytes }
  }

  /** A Worker that is cut off may run an old generation on, while the driver is elsewhere. */
  #leaveWhenElsewhere({ workerId }: AttemptOutput, reader: LogReader, signal: AbortSignal) {
    const left = { hasLeft: false }
    const watch = async (): Promise<void> => {
      for (let looks = 0; !signal.aborted; ) {
        await this.#wait(limits.driverMovedLookMs, signal)
        if (signal.aborted) return
        // Without a leader nobody knows better.
        const status = await this.#status(signal).catch(() => undefined)
        const isHere = !status || (!isEndedDriver(status.state) && (status.worker ?? workerId) === workerId)
        looks = isHere ? 0 : looks + 1
        // Its Worker may be about to say so itself.
        if (looks < 2 || signal.aborted) continue
        left.hasLeft = true
        await reader.return()
        return
      }
    }
    void watch()
    return left
  }

  #status(signal = this.#options.signal) {
    return this.#client.request({ type: 'RequestDriverStatus', driverId: this.#id }, { signal })
  }

  #missing(workerId: string, reason: string): void {
    const text = `${workerId} ${reason}`
    if (this.#told.has(text)) return
    this.#told.add(text)
    this.#onMissing(workerId, reason)
  }
}

const of = ({ generation, attempt }: AttemptOutput) => ({ attempt: { generation, attempt } })

/** A last line without a line break counts as one. */
function linesIn(pieces: readonly Uint8Array[]): number {
  const lines = Buffer.concat(pieces).toString('latin1').split('\n')
  return lines.at(-1) === '' ? lines.length - 1 : lines.length
}
