/** A link that has log streams of a Worker, or that asks for its first. */
export interface LogReaderLink {
  /** Incarnation of the peer. */
  readonly peer: string
  /** The host that it comes from. A peer can have many links, but not many hosts. */
  readonly host: string
  readonly streams: number
}

/**
 * All log streams are open, and one more is asked for: the peer of which one gives way, or undefined if the
 * new one is refused. It is the peer with the most of the host with the most, if the other host has fewer, or
 * if another link of this host has fewer. Fewer: also with the new one. So neither one link nor one host with
 * many links keeps the others from their logs.
 */
export function givesWay(
  links: Iterable<LogReaderLink>,
  asker: Omit<LogReaderLink, 'streams'>,
): string | undefined {
  const hosts = new Map<string, { streams: number; most: LogReaderLink | undefined }>()
  let own = 0
  for (const link of links) {
    const host = hosts.get(link.host) ?? { streams: 0, most: undefined }
    hosts.set(link.host, host)
    host.streams += link.streams
    if (host.most === undefined || link.streams > host.most.streams) host.most = link
    if (link.peer === asker.peer) own = link.streams
  }
  const ownHost = hosts.get(asker.host)
  let greatest = ownHost
  for (const host of hosts.values()) if (host.streams > (greatest?.streams ?? 0)) greatest = host
  const { streams = 0, most } = greatest ?? {}
  if (streams > (ownHost?.streams ?? 0) + 1) return most?.peer
  const mostHere = ownHost?.most
  return mostHere !== undefined && mostHere.streams > own + 1 ? mostHere.peer : undefined
}
