import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { limits } from '../limits.js'

/**
 * `idle`: nothing of a request has come; `reading`: a part of one; `answering`: one is complete and has no
 * answer yet.
 */
export type Phase = 'idle' | 'reading' | 'answering'

/** How long a connection may take; see limits.ts. */
export type ConnectionTimes = Readonly<
  Record<'httpIdleMs' | 'httpRequestMs' | 'httpStallMs' | 'httpAnswerMs', number>
>

export interface ConnectionOptions {
  readonly socket: Socket
  readonly address: string
  readonly nowMs: () => number
  readonly times: ConnectionTimes
  /** The connection has work: `step` must be called later. */
  readonly schedule: (connection: Connection) => void
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
}

export interface StepCost {
  readonly requests: number
  readonly bytes: number
}

interface Writing {
  readonly chunks: readonly Buffer[]
  readonly done: (error?: Error | null) => void
}

interface Request {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/**
 * A socket as the HTTP server sees it. Nothing is parsed, answered or written when bytes arrive. Each `step`
 * does one small piece of work, and requests are handled one after the other; no more is parsed while one
 * waits. So a client that sends a thousand requests at once gets no more work done than a client that sends
 * one.
 */
export class Connection extends Duplex {
  readonly address: string
  /** True while it is in the pump's queue. */
  isScheduled = false
  readonly #options: ConnectionOptions
  readonly #socket: Socket
  #unread: Buffer[] = []
  #unreadBytes = 0
  #ended = false
  #wanted = false
  #writing: Writing | undefined
  /** The socket has data that it has not written yet. */
  #inFlight = false
  readonly #requests: Request[] = []
  /** Bytes fed since the current request began, because a body without a stated length is bounded too. */
  #bodyBytes = 0
  #inHand: Request | undefined
  #phase: Phase = 'idle'
  #phaseAtMs: number
  #progressAtMs: number
  /** How long the answer in hand may take, if it may take longer than others. */
  #answerMs: number | undefined

  constructor(options: ConnectionOptions) {
    super({ allowHalfOpen: true })
    this.#options = options
    this.#socket = options.socket
    this.address = options.address
    this.#phaseAtMs = options.nowMs()
    this.#progressAtMs = this.#phaseAtMs
    this.#socket.on('data', (chunk: Buffer) => this.#arrived(chunk))
    this.#socket.on('end', () => {
      this.#ended = true
      this.#more()
    })
    this.#socket.on('error', () => this.destroy())
    this.#socket.on('close', () => this.destroy())
    // The HTTP server listens as well. A connection that breaks is no defect.
    this.on('error', () => undefined)
  }

  get phase(): Phase {
    return this.#phase
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress
  }

  /** The head of a request is complete. The HTTP server calls this. */
  enqueue(request: IncomingMessage, response: ServerResponse): void {
    this.#requests.push({ request, response })
    this.#enter('answering')
    this.#more()
  }

  /** Cost of the next step: requests and bytes are paced. */
  get cost(): StepCost {
    let bytes = 0
    if (!this.#inFlight) for (const chunk of this.#writing?.chunks ?? []) bytes += chunk.length
    return { requests: this.#beginsRequest ? 1 : 0, bytes }
  }

  get #beginsRequest(): boolean {
    return this.#writing === undefined && this.#inHand === undefined && this.#requests.length > 0
  }

  /** Does one small piece of work. */
  step(): void {
    if (this.destroyed) return
    if (this.#inFlight) return
    if (this.#writing !== undefined) this.#write(this.#writing)
    else if (this.#beginsRequest) this.#begin()
    else if (this.#mayFeed()) this.#feed()
    if (this.#beginsRequest || this.#mayFeed()) this.#more()
  }

  /** The answer in hand may take so long in all. Each part of it still has to be taken in time. */
  allow(answerMs: number): void {
    this.#answerMs = answerMs
  }

  /** Undefined while it keeps its time limits, otherwise the reason for its end. */
  overdue(nowMs: number): 'silent' | 'slow' | undefined {
    const { times } = this.#options
    const forMs = nowMs - this.#phaseAtMs
    switch (this.#phase) {
      case 'idle':
        return forMs > times.httpIdleMs ? 'silent' : undefined
      case 'reading':
        return forMs > times.httpRequestMs ? 'slow' : undefined
      case 'answering': {
        const isStalled = this.#writing !== undefined && nowMs - this.#progressAtMs > times.httpStallMs
        return isStalled || forMs > (this.#answerMs ?? times.httpAnswerMs) ? 'silent' : undefined
      }
    }
  }

  /** Writes a last answer past the HTTP server, and ends the connection. */
  dismiss(lastAnswer: string): void {
    if (this.#phase !== 'answering') this.#socket.write(lastAnswer)
    this.destroy()
  }

  override _read(): void {
    this.#wanted = true
    this.#more()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#writing = { chunks: [chunk], done }
    this.#more()
  }

  override _writev(
    parts: readonly { chunk: Buffer; encoding: string }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#writing = { chunks: parts.map(({ chunk }) => chunk), done }
    this.#more()
  }

  override _final(done: () => void): void {
    this.#socket.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#unread = []
    this.#requests.length = 0
    if (this.#socket.writableLength > 0 && error === null) this.#socket.destroySoon()
    else this.#socket.destroy()
    done(error)
  }

  #arrived(chunk: Buffer): void {
    this.#unread.push(chunk)
    this.#unreadBytes += chunk.length
    if (this.#unreadBytes >= limits.httpUnreadBytes) this.#socket.pause()
    if (this.#phase === 'idle') this.#enter('reading')
    this.#more()
  }

  #more(): void {
    if (!this.isScheduled && !this.destroyed) this.#options.schedule(this)
  }

  #enter(phase: Phase): void {
    if (phase === this.#phase) return
    this.#phase = phase
    this.#phaseAtMs = this.#options.nowMs()
    this.#progressAtMs = this.#phaseAtMs
  }

  /** The next request is parsed after the answer to the one before. The body of the current one goes on. */
  #mayFeed(): boolean {
    if (!this.#wanted || (this.#unreadBytes === 0 && !this.#ended)) return false
    const current = this.#inHand ?? this.#requests[0]
    return current === undefined || (!current.request.complete && this.#unreadBytes > 0)
  }

  #feed(): void {
    const chunk = this.#unread.shift()
    if (chunk === undefined) {
      this.#wanted = false
      this.push(null)
      return
    }
    const piece = chunk.subarray(0, limits.httpFeedBytes)
    if (piece.length < chunk.length) this.#unread.unshift(chunk.subarray(piece.length))
    this.#unreadBytes -= piece.length
    if (this.#inHand !== undefined || this.#requests.length > 0) this.#bodyBytes += piece.length
    if (this.#bodyBytes > limits.httpBodyBytes + limits.httpFeedBytes) {
      this.destroy()
      return
    }
    if (this.#unreadBytes < limits.httpUnreadBytes) this.#socket.resume()
    this.#wanted = false
    // The reader calls back when it wants more.
    this.push(piece)
  }

  #begin(): void {
    const next = this.#requests.shift() as Request
    this.#inHand = next
    next.response.once('close', () => this.#answered(next))
    this.#options.handle(next.request, next.response)
  }

  #answered(request: Request): void {
    if (this.#inHand !== request) return
    this.#inHand = undefined
    this.#answerMs = undefined
    this.#bodyBytes = 0
    if (this.#requests.length === 0) this.#enter(this.#unreadBytes > 0 ? 'reading' : 'idle')
    this.#phaseAtMs = this.#options.nowMs()
    this.#more()
  }

  #write({ chunks, done }: Writing): void {
    this.#inFlight = true
    const flushed = (error?: Error | null): void => {
      this.#progressAtMs = this.#options.nowMs()
      this.#inFlight = false
      this.#writing = undefined
      done(error)
      this.#more()
    }
    this.#socket.cork()
    const last = chunks.length - 1
    chunks.forEach((chunk, index) => {
      this.#socket.write(chunk, index === last ? flushed : undefined)
    })
    this.#socket.uncork()
  }
}
