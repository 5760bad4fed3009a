import { setImmediate as nextTurn } from 'node:timers/promises'
import { limits } from '../limits.js'
import { systemTimers, type TimerSource } from '../timers.js'
import { dataHeaders } from './page-headers.js'

/** What a stream shows now. */
export interface LiveText {
  /** The same text has the same. */
  readonly have: string
  readonly text: string
}

export interface Watched {
  readonly look: () => Promise<LiveText>
  /** What the page must know beside its text. It is sent at once, and again when it has changed. */
  readonly hello: () => object
  /** Goes with each hello, and is made for it alone. */
  readonly extra: () => object
  /** Whoever reads it may not any more. */
  readonly isOver: () => boolean
}

interface Stream extends Watched {
  have: string
  greeted: string
  readonly endsAtMs: number
  send: (event: string) => void
  /** It takes more. A slow reader gets only the newest text. */
  ready: () => boolean
  end: () => void
}

export interface LiveStreamsOptions {
  readonly nowMs?: () => number
  readonly timers?: TimerSource
  /** A page could not be made. Its stream ends, and the browser opens another. */
  readonly onError?: (error: unknown) => void
}

/** One event of a stream. The data stays on one line, because it is JSON. */
const eventText = (name: string, id: string | undefined, data: unknown): string =>
  `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`

/**
 * The streams that keep open pages current. All are looked at together, once in `pageLiveMs`, in slices, and
 * only what changed is sent. A stream ends after `pageStreamMs`, as every answer must; the browser then opens
 * the next one by itself and says what it has. It ends with the session of its reader as well.
 */
export class LiveStreams {
  readonly #nowMs: () => number
  readonly #timers: TimerSource
  readonly #onError: (error: unknown) => void
  readonly #streams = new Set<Stream>()
  #isLooking = false

  constructor({ nowMs = () => performance.now(), timers = systemTimers, onError }: LiveStreamsOptions = {}) {
    this.#nowMs = nowMs
    this.#timers = timers
    this.#onError = onError ?? (() => undefined)
  }

  get count(): number {
    return this.#streams.size
  }

  /**
   * Opens a stream for a page that shows `have`. Undefined: there are as many streams as there may be.
   */
  open(have: string, watched: Watched): Response | undefined {
    if (this.#streams.size >= limits.pageStreams) return undefined
    const stream: Stream = {
      ...watched,
      have,
      greeted: '',
      endsAtMs: this.#nowMs() + limits.pageStreamMs,
      send: () => undefined,
      ready: () => false,
      end: () => undefined,
    }
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          stream.send = (event) => controller.enqueue(Buffer.from(event))
          stream.ready = () => (controller.desiredSize ?? 0) > 0
          stream.end = () => {
            if (this.#streams.delete(stream)) controller.close()
          }
          greet(stream, `retry: ${limits.pageRetryMs}\n`)
        },
        cancel: () => void this.#streams.delete(stream),
      },
      // One text waits for the connection, and the next one is made when that is taken.
      { highWaterMark: 1 },
    )
    this.#streams.add(stream)
    if (!this.#isLooking) this.#lookLater()
    return new Response(body, { headers: dataHeaders('text/event-stream') })
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of [...this.#streams]) stream.end()
  }

  #lookLater(): void {
    this.#isLooking = this.#streams.size > 0
    if (this.#isLooking) this.#timers.after(limits.pageLiveMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    let sliceFromMs = this.#nowMs()
    for (const stream of [...this.#streams]) {
      if (this.#nowMs() - sliceFromMs >= limits.httpSliceMs) {
        await nextTurn()
        sliceFromMs = this.#nowMs()
      }
      if (this.#streams.has(stream)) await this.#update(stream)
    }
    this.#lookLater()
  }

  async #update(stream: Stream): Promise<void> {
    if (this.#nowMs() >= stream.endsAtMs || stream.isOver()) stream.end()
    if (!this.#streams.has(stream) || !stream.ready()) return
    try {
      const { have, text } = await stream.look()
      if (stream.isOver()) stream.end()
      if (!this.#streams.has(stream)) return
      greet(stream)
      if (have === stream.have) return
      stream.have = have
      stream.send(eventText('page', have, text))
    } catch (error) {
      this.#onError(error)
      stream.end()
    }
  }
}

function greet(stream: Stream, before = ''): void {
  const hello = stream.hello()
  const text = JSON.stringify(hello)
  if (text === stream.greeted) return
  stream.greeted = text
  stream.send(before + eventText('hello', undefined, { ...hello, ...stream.extra() }))
}
