import { Buffer } from 'node:buffer'
import { StringDecoder } from 'node:string_decoder'
import { innerLimits } from '../../runtime/inner-limits.js'
import { printable } from '../../runtime/observe/printable.js'

/* What executors print, cut into lines that a terminal can show, pure. */

export interface OutputLine {
  readonly executor: number
  readonly output: 'stdout' | 'stderr'
  /** The task that printed it, if one did. */
  readonly task?: number
  readonly attempt?: number
  /** Without line break and control characters. Of a long line its first 2,000 characters. */
  readonly text: string
}

const LONGEST = innerLimits.outputLineChars
/** What an executor puts before each line that a task prints. */
const PREFIX = /^\[task (\d{1,15}) attempt (\d{1,9})\] /

/** One output of one executor. It holds one line at most, whatever comes. */
export class OutputPieces {
  readonly #executor: number
  readonly #output: OutputLine['output']
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''
  /** The line is longer than what is shown of it. */
  #isCut = false

  constructor(executor: number, output: OutputLine['output']) {
    this.#executor = executor
    this.#output = output
  }

  take(bytes: Uint8Array): OutputLine[] {
    const parts = this.#decoder.write(Buffer.from(bytes)).split('\n')
    const lines: OutputLine[] = []
    for (const [at, part] of parts.entries()) {
      if (at > 0) lines.push(this.#line())
      const room = LONGEST - this.#rest.length
      if (part.length > room) this.#isCut = true
      this.#rest += part.slice(0, Math.max(0, room))
    }
    return lines
  }

  /** The last line, if it has no end. */
  rest(): OutputLine[] {
    return this.#rest === '' ? [] : [this.#line()]
  }

  #line(): OutputLine {
    const [prefix = '', task, attempt] = PREFIX.exec(this.#rest) ?? []
    const text = `${this.#rest.slice(prefix.length)}${this.#isCut ? '...' : ''}`.replace(/\r$/, '')
    this.#rest = ''
    this.#isCut = false
    return {
      executor: this.#executor,
      output: this.#output,
      ...(task !== undefined && { task: Number(task), attempt: Number(attempt) }),
      text: printable(text),
    }
  }
}

/** As a terminal shows it. */
export function outputText({ executor, task, attempt, text }: OutputLine): string {
  const of = task === undefined ? '' : ` task ${task} attempt ${attempt}`
  return `[executor ${executor}${of}] ${text}`
}

/** Lets so many lines of a second pass, and counts the others. */
export class OutputPace {
  readonly #perSecond: number
  #secondFromMs = Number.NEGATIVE_INFINITY
  #passed = 0
  #left = 0

  constructor(perSecond: number = innerLimits.outputLinesPerSecond) {
    this.#perSecond = perSecond
  }

  passes(nowMs: number): boolean {
    if (nowMs - this.#secondFromMs >= 1000) {
      this.#secondFromMs = nowMs
      this.#passed = 0
    }
    if (this.#passed < this.#perSecond) {
      this.#passed++
      return true
    }
    this.#left++
    return false
  }

  /** Lines that did not pass since this was asked last. */
  takeLeft(): number {
    const left = this.#left
    this.#left = 0
    return left
  }
}
