import type { ByteText } from './arguments.js'

/**
 * Items of a stream, one per line, or separated by NUL bytes. Bytes after the last separator are an item, if
 * there are any.
 */
export async function* readItems(
  stream: AsyncIterable<Buffer | string>,
  separator: '\n' | '\0',
): AsyncGenerator<ByteText> {
  let rest = ''
  for await (const chunk of stream) {
    const text = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    const parts = (rest + text.toString('latin1')).split(separator)
    rest = parts.pop() ?? ''
    yield* parts
  }
  if (rest !== '') yield rest
}
