import type { Console } from './console.js'
import type { Window } from './status-list.js'
import { cutAt } from './text-table.js'

/* A screen of its own in a terminal, for what is shown again and again. */

/** Another screen, without cursor. Lines are cut at the edge, and never continue below it. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const REST_OF_LINE = '\u001b[K'
const REST_OF_SCREEN = '\u001b[J'
const CTRL_C = '\u0003'

interface Keys extends NodeJS.ReadableStream {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
}

export class WatchScreen {
  /** Aborted when somebody wants it to end. */
  readonly over: AbortSignal
  readonly #io: Console
  readonly #over = new AbortController()
  readonly #keys: Keys
  #wake: () => void = () => {}
  readonly #restore = (): void => void process.stdout.write(LEAVE)

  private constructor(io: Console) {
    this.#io = io
    this.#keys = io.stdin
    this.over = this.#over.signal
  }

  /** Undefined: standard output is no terminal. */
  static async open(io: Console): Promise<WatchScreen | undefined> {
    if (!io.window()) return undefined
    const screen = new WatchScreen(io)
    await screen.#open()
    return screen
  }

  async #open(): Promise<void> {
    // However this process ends, the terminal is as it was.
    process.once('exit', this.#restore)
    process.on('SIGWINCH', this.#resized)
    if (this.#keys.isTTY) {
      this.#keys.setRawMode?.(true)
      this.#keys.on('data', this.#typed)
    }
    this.#io.interrupted.addEventListener('abort', this.#end, { once: true })
    this.#io.readerGone.addEventListener('abort', this.#end, { once: true })
    await this.#io.out(Buffer.from(ENTER))
  }

  /** Shows the lines in one write, over those before, so that nothing flickers. `foot` is the last line. */
  async show(linesIn: (window: Window) => readonly string[], foot: string): Promise<void> {
    const { columns, rows } = this.#io.window() ?? { columns: 80, rows: 24 }
    const most = Math.max(1, rows - 1)
    const lines = linesIn({ columns, rows }).slice(0, most)
    const empty = Array.from({ length: most - lines.length }, () => '')
    const shown = [...lines, ...empty, ...(rows > 1 ? [foot] : [])]
    const text = shown.map((line) => `${cutAt(line, columns)}${REST_OF_LINE}`).join('\r\n')
    await this.#io.out(Buffer.from(`${HOME}${text}${REST_OF_SCREEN}`))
  }

  /** True: the window has another size now. False: the time is over, or the end was asked for. */
  wait(ms: number): Promise<boolean> {
    if (this.over.aborted) return Promise.resolve(false)
    return new Promise((resolve) => {
      const done = (isResized: boolean): void => {
        clearTimeout(timer)
        this.over.removeEventListener('abort', ended)
        resolve(isResized)
      }
      const ended = (): void => done(false)
      const timer = setTimeout(ended, ms)
      this.over.addEventListener('abort', ended, { once: true })
      this.#wake = () => done(true)
    })
  }

  async close(): Promise<void> {
    process.off('SIGWINCH', this.#resized)
    process.off('exit', this.#restore)
    if (this.#keys.isTTY) {
      this.#keys.off('data', this.#typed)
      this.#keys.setRawMode?.(false)
      this.#keys.pause()
    }
    await this.#io.out(Buffer.from(LEAVE))
  }

  readonly #resized = (): void => this.#wake()
  readonly #end = (): void => this.#over.abort()
  /** A terminal in raw mode sends Ctrl-C as a character. */
  readonly #typed = (typed: Buffer | string): void => {
    if (String(typed).includes(CTRL_C)) process.kill(process.pid, 'SIGINT')
    else if (/q/i.test(String(typed))) this.#over.abort()
  }
}
