import { FiresteelError } from './errors.js'
import { innerLimits } from './inner-limits.js'

/** Where an actor system listens. An IPv6 host has no brackets here. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

export const ADDRESS_SCHEME = 'firesteel://'
/** Port of a Master address that has none. It leaves 7077 to Spark's own RPC. */
export const MASTER_PORT_DEFAULT = 7070
export const MASTER_ADDRESS_DEFAULT = `${ADDRESS_SCHEME}127.0.0.1:${MASTER_PORT_DEFAULT}`

const BRACKETED = /^\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\](?::(\d{1,5}))?$/
const PLAIN = /^([\p{L}\p{N}](?:[\p{L}\p{N}._-]*[\p{L}\p{N}._])?)(?::(\d{1,5}))?$/u
/**
 * The message catalogue bounds an address to this length. It is checked before any regular expression runs.
 */
const ADDRESS_LENGTH_MAX = innerLimits.addressChars
const ADDRESSES_MAX = innerLimits.masters

function invalid(text: string, why: string): FiresteelError {
  const seen = JSON.stringify(text.slice(0, ADDRESS_LENGTH_MAX))
  return new FiresteelError('ADDRESS_INVALID', `${seen} is not a Master address: ${why}.`)
}

/** `host:port` or `[v6]:port`. The port is optional if `portDefault` is given. Throws ADDRESS_INVALID. */
export function parseHostPort(text: string, portDefault?: number): HostPort {
  if (text.length > ADDRESS_LENGTH_MAX) throw invalid(text, 'it is too long')
  const match = BRACKETED.exec(text) ?? PLAIN.exec(text)
  if (!match) throw invalid(text, 'host:port is expected, with brackets around IPv6')
  const port = match[2] === undefined ? portDefault : Number(match[2])
  if (port === undefined) throw invalid(text, 'it has no port')
  if (port < 1 || port > 65_535) throw invalid(text, `${port} is not a port`)
  return { host: match[1]!, port }
}

/** True if `parseHostPort` accepts the text without a default port. */
export function isHostPort(text: string): boolean {
  try {
    parseHostPort(text)
    return true
  } catch {
    return false
  }
}

/** `host:port`, with brackets around IPv6. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * The parts of an address that `formatHostPort` wrote. Text that people write needs `parseHostPort`, which
 * checks it.
 */
export function splitHostPort(address: string): HostPort {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) }
}

/** Every Master of `firesteel://h:p[,h:p...]`, in order, without repetitions. Throws ADDRESS_INVALID. */
export function parseMasterAddresses(text: string): HostPort[] {
  const trimmed = text.trim()
  if (!trimmed.startsWith(ADDRESS_SCHEME)) throw invalid(trimmed, `it does not begin with ${ADDRESS_SCHEME}`)
  const parts = trimmed.slice(ADDRESS_SCHEME.length).replace(/\/$/, '').split(',')
  if (parts.length > ADDRESSES_MAX) throw invalid(trimmed, `it names more than ${ADDRESSES_MAX} Masters`)
  const found = new Map<string, HostPort>()
  for (const part of parts) {
    const address = parseHostPort(part.trim(), MASTER_PORT_DEFAULT)
    found.set(formatHostPort(address), address)
  }
  return [...found.values()]
}

/** `firesteel://host:port` of one Master, as messages have it. */
export function formatMasterAddress(address: HostPort): string {
  return ADDRESS_SCHEME + formatHostPort(address)
}

/** The host:port of an address in a message, for people. */
export const withoutScheme = (address: string): string =>
  address.startsWith(ADDRESS_SCHEME) ? address.slice(ADDRESS_SCHEME.length) : address

/** The single address of a message such as LogLocation. Throws ADDRESS_INVALID. */
export function parseActorAddress(text: string): HostPort {
  const [address, ...more] = parseMasterAddresses(text)
  if (!address || more.length > 0) throw invalid(text, 'exactly one host:port is expected')
  return address
}

/** `firesteel://h:p,h:p` of several Masters, as FIRESTEEL_MASTER has it. */
export function formatMasterAddresses(addresses: readonly HostPort[]): string {
  return ADDRESS_SCHEME + addresses.map(formatHostPort).join(',')
}

/** An address of IPv4 or IPv6, without brackets; not a name. */
export const isIpAddress = (host: string): boolean =>
  host.includes(':') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host)

/** True for hosts that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase()
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(name)
  )
}
