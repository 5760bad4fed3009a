import { StringDecoder } from 'node:string_decoder'

/**
 * Items of a stream, one per line, or separated by NUL bytes. Text after the last separator is an item, if
 * there is any.
 */
export async function* readItems(
  stream: AsyncIterable<Buffer | string>,
  separator: '\n' | '\0',
): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + (typeof chunk === 'string' ? chunk : decoder.write(chunk))).split(separator)
    rest = parts.pop() ?? ''
    yield* parts
  }
  rest += decoder.end()
  if (rest !== '') yield rest
}
