import type { Socket } from 'node:net'

export interface DirectionOptions {
  /** Gets the first bytes before they are passed on. */
  readonly onFirst?: (chunk: Buffer) => void
  /** Replaces each chunk before it is passed on. */
  readonly rewrite?: ((chunk: Buffer) => Buffer) | undefined
}

/** Undefined: the source has ended. */
interface Piece {
  readonly chunk: Buffer | undefined
  readonly dueMs: number
}

/** Bytes that wait before their source is paused. */
const MOST_WAITING_BYTES = 8 * 1024 * 1024

/**
 * One direction of a connection through a proxy. Bytes are passed on at once, later, or when they are
 * released. As with packets that a network repeats, held bytes arrive late rather than never, also after
 * their sender has given up.
 */
export class ProxyDirection {
  readonly #source: Socket
  readonly #target: Socket
  readonly #waiting: Piece[] = []
  #waitingBytes = 0
  #held = false
  #delayMs = 0
  #timer: NodeJS.Timeout | undefined
  #hasEnded = false

  constructor(source: Socket, target: Socket, { onFirst, rewrite }: DirectionOptions = {}) {
    this.#source = source
    this.#target = target
    let isFirst = true
    source.on('data', (chunk: Buffer) => {
      if (isFirst) onFirst?.(chunk)
      isFirst = false
      this.#take(rewrite?.(chunk) ?? chunk)
    })
    // A reset closes without an end.
    for (const event of ['end', 'close']) source.once(event, () => this.#end())
    target.on('drain', () => this.#resume())
  }

  /** Bytes that wait, as one character each. */
  get waiting(): string {
    return this.#waiting.map(({ chunk }) => chunk?.toString('latin1') ?? '').join('')
  }

  hold(): void {
    this.#held = true
    clearTimeout(this.#timer)
  }

  /** Delays what comes from now on. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  /** Ends hold and delay. Returns how many bytes had waited. */
  release(): number {
    const late = this.#waitingBytes
    this.#held = false
    this.#delayMs = 0
    clearTimeout(this.#timer)
    while (this.#waiting.length > 0) this.#passNext()
    this.#resume()
    return late
  }

  /** Passes nothing on any more. */
  drop(): void {
    clearTimeout(this.#timer)
    this.#waiting.length = 0
    this.#waitingBytes = 0
    this.#hasEnded = true
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#take(undefined)
    this.#hasEnded = true
  }

  #take(chunk: Buffer | undefined): void {
    if (this.#hasEnded) return
    const nowMs = performance.now()
    const piece = { chunk, dueMs: Math.max(nowMs + this.#delayMs, this.#waiting.at(-1)?.dueMs ?? 0) }
    if (!this.#held && this.#waiting.length === 0 && piece.dueMs <= nowMs) {
      this.#pass(chunk)
      return
    }
    this.#waiting.push(piece)
    this.#waitingBytes += chunk?.length ?? 0
    if (this.#waitingBytes > MOST_WAITING_BYTES) this.#source.pause()
    if (!this.#held && this.#waiting.length === 1) this.#schedule()
  }

  #schedule(): void {
    const [next] = this.#waiting
    if (next) this.#timer = setTimeout(() => this.#due(), Math.max(0, next.dueMs - performance.now()))
  }

  #due(): void {
    const nowMs = performance.now()
    while (this.#waiting[0] !== undefined && this.#waiting[0].dueMs <= nowMs) this.#passNext()
    this.#resume()
    this.#schedule()
  }

  #passNext(): void {
    const { chunk } = this.#waiting.shift()!
    this.#waitingBytes -= chunk?.length ?? 0
    this.#pass(chunk)
  }

  #pass(chunk: Buffer | undefined): void {
    if (!this.#target.writable) return
    if (chunk === undefined) this.#target.end()
    else if (!this.#target.write(chunk)) this.#source.pause()
  }

  #resume(): void {
    if (this.#waitingBytes <= MOST_WAITING_BYTES && !this.#target.writableNeedDrain) this.#source.resume()
  }
}
