import { innerLimits } from '../../inner-limits.js'
import type { Console } from './console.js'
import { LINE_END } from './each/tagged-lines.js'

const ERASE_REST = '\u001b[K'

type Write = Console['out']

/**
 * One line at the bottom of a terminal, below what is printed. It moves no cursor but within its line: a
 * terminal that scrolls forgets all other places, and what was printed there would be erased.
 */
export class StatusLine {
  readonly #io: Pick<Console, 'out' | 'err' | 'window'>
  readonly #columns: () => number | undefined
  #shown: string | undefined
  /** What was printed last has no line end yet. The next output belongs there. */
  #isInLine = false
  readonly out: Write
  readonly err: Write

  /** Standard error is a terminal of so many columns. */
  constructor(io: Pick<Console, 'out' | 'err' | 'window'>, columns: () => number | undefined) {
    this.#io = io
    this.#columns = columns
    this.out = (text) => this.#print(io.out, text, io.window() !== undefined)
    this.err = (text) => this.#print(io.err, text, true)
  }

  async show(text: string): Promise<void> {
    if (this.#isInLine || this.#shown === text) return
    this.#shown = text
    const columns = (this.#columns() || innerLimits.terminalColumns) - 1
    await this.#draw(`\r${text.slice(0, columns)}${ERASE_REST}`)
  }

  async hide(): Promise<void> {
    if (this.#shown === undefined) return
    this.#shown = undefined
    await this.#draw(`\r${ERASE_REST}`)
  }

  /** As bytes: a text would lose what acts on a terminal. */
  #draw(text: string): Promise<void> {
    return this.#io.err(Buffer.from(text))
  }

  /** `onTerminal`: it shows there too. */
  async #print(write: Write, text: string | Uint8Array, onTerminal: boolean): Promise<void> {
    if (text.length === 0) return
    if (onTerminal) {
      await this.hide()
      this.#isInLine = Buffer.from(text as string).at(-1) !== LINE_END
    }
    await write(text)
  }
}
