import { localPart } from '../system/names.js'

/* Paths of actors as traces show them: firesteel://CLUSTER@host:port/user/NAME. */

/** `firesteel://CLUSTER@host:port` of a full path; '' of a local one. */
export function authorityOf(path: string): string {
  return path.startsWith('/') ? '' : path.slice(0, path.length - localLength(path))
}

function localLength(path: string): number {
  const scheme = path.indexOf('://')
  const slash = path.indexOf('/', scheme < 0 ? 0 : scheme + 3)
  return slash < 0 ? 0 : path.length - slash
}

/** Whether this is an actor's name, and not that of a process which spoke outside of its actors. */
export const isActorName = (name: string): boolean => name !== 'system' && name !== 'client'

/** `host:port` of a full path. */
export function placeOf(path: string): string {
  const authority = authorityOf(path)
  return authority.slice(Math.max(authority.lastIndexOf('@') + 1, authority.indexOf('://') + 3))
}

/** `NAME` of `/user/NAME`; `system` if a node itself sent, and `client` if a command or program did. */
export function actorName(path: string): string {
  return localPart(path).replace(/^\/(?:user\/)?/, '') || 'system'
}

/** `NAME@host:port`: short enough for a table, and still unique. */
export function shortPath(path: string): string {
  const place = placeOf(path)
  return place === '' ? actorName(path) : `${actorName(path)}@${place}`
}

/**
 * Whether this is the wanted actor: by a full path, by that of its process or parent, by `/user/NAME`, by
 * NAME, by host:port, or as `shortPath` writes it.
 */
export function matchesActor(path: string, wanted: string): boolean {
  if (wanted.includes('://')) return isAtOrBelow(path, wanted)
  if (wanted.startsWith('/')) return isAtOrBelow(localPart(path), wanted)
  return wanted === actorName(path) || wanted === placeOf(path) || wanted === shortPath(path)
}

function isAtOrBelow(path: string, wanted: string): boolean {
  const root = wanted.endsWith('/') ? wanted.slice(0, -1) : wanted
  return path === root || path.startsWith(`${root}/`)
}
