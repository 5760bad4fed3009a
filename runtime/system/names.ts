import { FiresteelError } from '../errors.js'

/** A name as it stands in a path: host:port, spaces, anything but nothing. */
export function encodeName(name: string): string {
  if (name === '') throw new FiresteelError('INTERNAL', 'an actor needs a name')
  // A lone surrogate is the one thing that cannot be encoded.
  return encodeURIComponent(name.replace(/\p{Surrogate}/gu, '\uFFFD'))
}

/** `/user/NAME` of a full or local path: the authority is not believed, the link says who the peer is. */
export function localPart(path: string): string {
  if (path.startsWith('/')) return path
  const scheme = path.indexOf('://')
  const slash = path.indexOf('/', scheme < 0 ? 0 : scheme + 3)
  return slash < 0 ? '/' : path.slice(slash)
}
