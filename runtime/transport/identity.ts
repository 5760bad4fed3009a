import { randomBytes } from 'node:crypto'
import { formatHostPort } from '../addresses.js'
import type { IncarnationKey } from './incarnation-key.js'

export const roles = ['node', 'worker', 'client', 'application', 'driver'] as const
/**
 * Names the key that opened a link. `worker`, `driver` and `application` also have a subject: the id of a
 * token, driver and generation, or appId. A Worker that has the cluster's secret is a `node`.
 */
export type Role = (typeof roles)[number]

/** Subject of a node's link between two Masters, so that each knows that the other is a Master. */
export const MASTER_SUBJECT = 'master'

/** Subject of the link between the launcher of a machine and a Master. */
export const LAUNCHER_SUBJECT = 'launcher'

/**
 * Subject of a link that carries code to or from a node, and nothing else. The driver of an application has
 * such links too, with `APP_ID/code`.
 */
export const CODE_SUBJECT = 'code'

/** Subject of a code link to the driver of an application. */
export const codeSubjectOf = (appId: string): string => `${appId}/${CODE_SUBJECT}`

const knownRoles: ReadonlySet<string> = new Set(roles)

export function isRole(value: unknown): value is Role {
  return typeof value === 'string' && knownRoles.has(value)
}

/**
 * Masters and Workers, however they have proved themselves. It says what a link may carry, and how much, and
 * never what its peer may do.
 */
export const isNodeRole = (role: Role): boolean => role === 'node' || role === 'worker'

const INCARNATION_BYTES = 8

/** The name in an incarnation. */
export const nameInIncarnation = (incarnation: string): string =>
  incarnation.slice(0, Math.max(0, incarnation.lastIndexOf('-')))

/** A new incarnation of a Master, Worker or client: `NAME-<64 random bits, hex>` (protocol 1). */
export function newIncarnation(name: string): string {
  return `${name}-${randomBytes(INCARNATION_BYTES).toString('hex')}`
}

/** How this process names itself to a peer. */
export interface LocalIdentity {
  readonly cluster: string
  readonly incarnation: string
  /** host:port at which others reach this process, if it listens. */
  readonly advertise?: string | undefined
  /** Of an incarnation that is named after a key: clients and drivers have one. */
  readonly own?: IncarnationKey | undefined
}

/**
 * A new STANDBY in the same process is a new incarnation (protocol 1), so the identity may be a function that
 * is asked for each link.
 */
export type IdentitySource = LocalIdentity | (() => LocalIdentity)

export function currentIdentity(source: IdentitySource): LocalIdentity {
  return typeof source === 'function' ? source() : source
}

/** What a peer said and proved in the handshake. */
export interface ProvenPeer {
  /** The role whose key both sides proved. The acceptor, too, can be trusted as this and no more. */
  readonly role: Role
  readonly subject?: string
  readonly incarnation: string
  readonly cluster: string
  /** host:port on which the peer says that it listens. */
  readonly advertise?: string
  readonly nodeMajor: number
  /** The highest protocol that both sides speak. Nothing above it may be sent on this link. */
  readonly protocol: number
}

export interface PeerIdentity extends ProvenPeer {
  /** Remote host:port of the socket. */
  readonly address: string
  /**
   * True if we dialled: then the peer is the one that listens at an address we know. A peer that dialled us
   * may claim any name.
   */
  readonly dialled?: true
}

/** host:port, with brackets around IPv6. An IPv4 address seen through an IPv6 socket is written as IPv4. */
export function formatAddress(host: string, port: number): string {
  return formatHostPort({ host: plainHost(host), port })
}

export function plainHost(host: string): string {
  return host.startsWith('::ffff:') && host.includes('.') ? host.slice('::ffff:'.length) : host
}
