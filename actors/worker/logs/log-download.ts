import { type ByteRange, byteRange } from '../../../runtime/http/byte-range.js'
import { innerLimits } from '../../../runtime/inner-limits.js'
import { limits } from '../../../runtime/limits.js'
import { dataHeaders } from '../../../runtime/pages/page-headers.js'
import type { KeptLog, Stretch } from './kept-log.js'

/*
 * An output as it is, over HTTP: as text that no browser takes for anything else, whole or in ranges. It is
 * read as its reader takes it, a piece at a time.
 */

/** Where the body begins in all bytes that were ever written: a place that stays the same over rotations. */
export const START_HEADER = 'firesteel-log-start'

export interface DownloadOptions {
  readonly log: KeptLog
  /** What of the log is meant. */
  readonly within: Stretch
  readonly range: string | undefined
  /** Headers only. */
  readonly isHead: boolean
  /** The browser saves it under this name. */
  readonly saveAs?: string | undefined
  /** Whoever reads it may not any more. */
  readonly isOver: () => boolean
}

const rawHeaders = (): Record<string, string> => ({
  ...dataHeaders('text/plain; charset=UTF-8'),
  'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  'accept-ranges': 'bytes',
})

/** All downloads of a Worker, so many at a time. */
export class LogDownloads {
  #open = 0

  /** Undefined: there are as many as there may be. */
  answer({ log, within, range, isHead, saveAs, isOver }: DownloadOptions): Response | undefined {
    const length = within.end - within.start
    const asked = byteRange(range, length)
    const headers = {
      ...rawHeaders(),
      [START_HEADER]: String(within.start),
      ...(saveAs !== undefined && { 'content-disposition': `attachment; filename="${saveAs}"` }),
    }
    if (asked === 'none')
      return new Response('There are no such bytes.\n', {
        status: 416,
        headers: { ...headers, 'content-range': `bytes */${length}` },
      })
    const { first, last }: ByteRange = asked ?? { first: 0, last: length - 1 }
    const answer = {
      status: asked ? 206 : 200,
      headers: {
        ...headers,
        'content-length': String(last - first + 1),
        ...(asked && { 'content-range': `bytes ${first}-${last}/${length}` }),
      },
    }
    if (isHead || last < first) return new Response(null, answer)
    if (this.#open >= limits.logDownloads) return undefined
    return new Response(
      this.#body(log, { start: within.start + first, end: within.start + last + 1 }, isOver),
      answer,
    )
  }

  #body(log: KeptLog, { start, end }: Stretch, isOver: () => boolean): ReadableStream<Uint8Array> {
    this.#open++
    let isOpen = true
    const close = (): void => {
      if (isOpen) this.#open--
      isOpen = false
    }
    let at = start
    return new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          try {
            if (isOver()) throw new Error('the session of its reader has ended')
            const piece = log.read(at, Math.min(innerLimits.logPieceBytes, end - at))
            // It was cut off meanwhile. A body that ends early is no complete answer for its reader.
            if (piece.length === 0) throw new Error('the output has become shorter')
            at += piece.length
            controller.enqueue(piece)
            if (at < end) return
            close()
            controller.close()
          } catch (error) {
            close()
            controller.error(error)
          }
        },
        cancel: close,
      },
      { highWaterMark: 0 },
    )
  }
}
