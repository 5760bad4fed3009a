import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

/**
 * Keeps the last lines of an output, and passes each to `onLine`. A last line without a line break counts
 * too.
 */
export class OutputTail {
  readonly #most: number
  readonly #lines: string[] = []
  readonly #onLine: (line: string) => void

  constructor(source: Readable, most: number, onLine: (line: string) => void = () => undefined) {
    this.#most = most
    this.#onLine = onLine
    const decoder = new StringDecoder('utf8')
    let rest = ''
    source.on('data', (chunk: Buffer) => {
      const lines = (rest + decoder.write(chunk)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#add(line)
    })
    source.once('end', () => {
      if (rest !== '') this.#add(rest)
    })
    // The end of the process reports a broken pipe.
    source.on('error', () => undefined)
  }

  get text(): string {
    return this.#lines.join('\n')
  }

  #add(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length > this.#most) this.#lines.shift()
    this.#onLine(line)
  }
}
