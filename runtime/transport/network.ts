/**
 * The network that a host is counted as, where it counts how many machines are linked: a peer may have as
 * many names and ports as it likes, so only where a link comes from says something. An IPv4 address is one
 * network. Of the eight groups of an IPv6 address the first four are, because one machine may have all
 * addresses with them. What is no address is itself.
 */
export function networkOf(host: string): string {
  if (!host.includes(':')) return host
  const [head = '', tail] = host.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0')
  return [...first, ...zeros, ...last]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')
}
