import { FiresteelError } from '../errors.js'

/**
 * Encodes a name for a path. A name may have any characters (host:port, spaces), but it must not be empty.
 */
export function encodeName(name: string): string {
  if (name === '') throw new FiresteelError('INTERNAL', 'an actor needs a name')
  // Only a lone surrogate cannot be encoded.
  return encodeURIComponent(name.replace(/\p{Surrogate}/gu, '\uFFFD'))
}

/**
 * `/user/NAME` of a full or local path. The authority is dropped, because the link knows which process the
 * peer is.
 */
export function localPart(path: string): string {
  if (path.startsWith('/')) return path
  const scheme = path.indexOf('://')
  const slash = path.indexOf('/', scheme < 0 ? 0 : scheme + 3)
  return slash < 0 ? '/' : path.slice(slash)
}
