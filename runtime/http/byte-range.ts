/* `Range: bytes=...` of a request (RFC 9110), pure. */

/** From the first to the last byte, both included. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/**
 * Undefined: the whole is meant, because the header is absent, is none of ours, or has several ranges, which
 * a server may ignore. `none`: nothing of what was asked for exists.
 */
export function byteRange(header: string | undefined, length: number): ByteRange | 'none' | undefined {
  const match = /^bytes[ \t]*=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header ?? '')
  if (!match) return undefined
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return undefined
  if (from === '') {
    const suffix = Number(to)
    return suffix === 0 || length === 0 ? 'none' : { first: Math.max(0, length - suffix), last: length - 1 }
  }
  const first = Number(from)
  const last = to === '' ? length - 1 : Math.min(Number(to), length - 1)
  if (to !== '' && Number(to) < first) return undefined
  return first >= length ? 'none' : { first, last }
}
