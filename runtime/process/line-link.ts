import type { Duplex } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { unrefStream } from './control-pipe.js'

/** One end of a pipe that carries lines both ways. No line is dropped: its senders bound what waits. */
export interface LineLink {
  write(line: string): void
  /** No more lines follow from here. */
  end(): void
  /** Breaks it off at once. */
  destroy(): void
  /** The other side has ended, or is gone. All its lines were given before. */
  readonly ended: Promise<void>
  unref(): void
}

export function lineLink(stream: Duplex, onLine: (line: string) => void): LineLink {
  const decoder = new StringDecoder('utf8')
  // Pieces of a line that is not complete. A long line is put together once.
  let rest: string[] = []
  stream.on('data', (chunk: Buffer) => {
    const [first = '', ...lines] = decoder.write(chunk).split('\n')
    rest.push(first)
    for (const next of lines) {
      const line = rest.join('')
      rest = [next]
      if (line !== '') onLine(line)
    }
  })
  const ended = new Promise<void>((resolve) => {
    stream.once('end', resolve)
    stream.once('close', resolve)
  })
  // The other side died. `ended` reports it.
  stream.on('error', () => stream.destroy())
  return {
    write: (line) => {
      if (stream.writable) stream.write(`${line}\n`)
    },
    end: () => stream.end(),
    destroy: () => stream.destroy(),
    ended,
    unref: () => unrefStream(stream),
  }
}
