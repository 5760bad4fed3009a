import { createReadStream } from 'node:fs'
import { FiresteelError, reasonOf } from '../../../errors.js'
import { type ByteText, bytesOf, readable, type Source } from './arguments.js'
import { readItems } from './items.js'
import type { OpenSource } from './records.js'

/** Opens where values come from. `-` and no source at all are standard input. */
export function openSources(
  sources: readonly Source[],
  stdin: NodeJS.ReadableStream,
  separator: '\n' | '\0',
): OpenSource[] {
  const input = (): AsyncIterable<ByteText> => readItems(stdin as AsyncIterable<Buffer>, separator)
  if (sources.length === 0) return [{ values: input(), linked: false }]
  return sources.map((source) => {
    if (source.kind === 'values') return { values: source.values, linked: source.linked }
    const values = source.path === '-' ? input() : readFile(source.path, separator)
    return { values, linked: source.linked }
  })
}

async function* readFile(path: ByteText, separator: '\n' | '\0'): AsyncGenerator<ByteText> {
  try {
    yield* readItems(createReadStream(bytesOf(path)), separator)
  } catch (cause) {
    throw new FiresteelError('USAGE', `The items of ${readable(path)} cannot be read: ${reasonOf(cause)}`, {
      place: readable(path),
      cause,
    })
  }
}

/** How many commands there will be, if no source must be read for it. */
export function knownTotal(sources: readonly Source[], together: number): number | undefined {
  if (sources.some(({ kind, linked }) => kind === 'file' || linked) || sources.length === 0) return undefined
  const counts = sources.map((source) => (source.kind === 'values' ? source.values.length : 0))
  return Math.ceil(counts.reduce((product, count) => product * count, 1) / together)
}
