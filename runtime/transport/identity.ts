import { randomBytes } from 'node:crypto'

/** Which key a link was opened with; `driver` and `application` name a subject (driver and generation, appId). */
export type Role = 'node' | 'client' | 'application' | 'driver'

/** Subject of a node's link between two Masters: each then knows the other for one. */
export const MASTER_SUBJECT = 'master'

const roles: ReadonlySet<string> = new Set<Role>(['node', 'client', 'application', 'driver'])

export function isRole(value: unknown): value is Role {
  return typeof value === 'string' && roles.has(value)
}

const INCARNATION_BYTES = 8

/** One life of a Master, Worker or client: `NAME-<64 random bits, hex>` (protocol 1). */
export function newIncarnation(name: string): string {
  return `${name}-${randomBytes(INCARNATION_BYTES).toString('hex')}`
}

/** Who we are to a peer. */
export interface LocalIdentity {
  readonly cluster: string
  readonly incarnation: string
  /** host:port others reach us at, where we listen. */
  readonly advertise?: string | undefined
}

/** A fresh STANDBY in the same process is a new incarnation (protocol 1): so it can be asked for each link anew. */
export type IdentitySource = LocalIdentity | (() => LocalIdentity)

export function currentIdentity(source: IdentitySource): LocalIdentity {
  return typeof source === 'function' ? source() : source
}

/** What a peer said and proved in the handshake. */
export interface ProvenPeer {
  /** The role whose key both sides proved, so also what the side that listens can be trusted as. */
  readonly role: Role
  readonly subject?: string
  readonly incarnation: string
  readonly cluster: string
  /** host:port the peer says it listens on. */
  readonly advertise?: string
  readonly nodeMajor: number
  /** The highest that both sides speak: nothing above it may be sent on this link. */
  readonly protocol: number
}

export interface PeerIdentity extends ProvenPeer {
  /** Remote host:port of the socket. */
  readonly address: string
  /** We dialled it: so it is who listens at an address that we know. Who dials us may say anything of itself. */
  readonly dialled?: true
}

/** host:port, with brackets around IPv6; IPv4 seen through an IPv6 socket is written as IPv4. */
export function formatAddress(host: string, port: number): string {
  const plain = plainHost(host)
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}

/** The host of a socket's host:port, as `formatAddress` writes it. What a peer does is counted by it: its port changes with each link. */
export const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'))

export function plainHost(host: string): string {
  return host.startsWith('::ffff:') && host.includes('.') ? host.slice('::ffff:'.length) : host
}
