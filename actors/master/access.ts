import { joinIdOf, mayAs, roleOf, type TokenRole, tokenIdOf } from '../../runtime/transport/token.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { Failure } from '../messages/common.js'
import type { StateSection } from '../messages/status.js'
import type { Owner } from '../messages/tokens.js'
import type { ApplicationEntry } from './application-entry.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import type { EndedApplication, EndedDriver } from './records.js'

/*
 * Who may what at a Master. A client has proved the cluster's secret, and may do all, or a token, whose role
 * says what it may do: with `submit` it sees and ends its own work. A driver has a credential of its own,
 * which is limited to itself: it registers its applications, sees and ends what is its own, and nothing else.
 * The credential is good for one generation, and gone with it.
 */

export type Peer = { readonly role: PeerInfo['role']; readonly subject?: string | undefined }

/** What somebody may own. */
type Owned =
  | { readonly driver: DriverEntry | EndedDriver }
  | { readonly app: ApplicationEntry | EndedApplication }

/** `ID/GENERATION` of a driver, from the subject of its credential. */
function driverOf({ subject = '' }: Peer): { readonly id: string; readonly generation: number } {
  const cut = subject.lastIndexOf('/')
  return { id: subject.slice(0, cut), generation: Number(subject.slice(cut + 1)) }
}

/**
 * True: this leader knows that the driver of this credential has ended, that another generation of it runs,
 * or that it never existed. Before the leader is ALIVE, and while the store has lost writes that may still
 * come back, it knows no such thing of a driver that it does not hold.
 */
export function isOver(cluster: ClusterState | undefined, peer: Peer): boolean {
  if (!cluster) return false
  const token = tokenOf(peer)
  if (token !== undefined) return isTokenOver(cluster, token)
  if (peer.role !== 'driver') return false
  const { id, generation } = driverOf(peer)
  const accepted = cluster.drivers.get(id)?.record.generation
  if (accepted !== undefined && generation <= accepted) return generation < accepted
  // What the store forgot may still be told by a Worker that runs it.
  return cluster.endedDrivers.has(id) || (cluster.alive && !cluster.hasLost)
}

/** A token that the store forgot comes back within the second of a recovery, or never. */
function isTokenOver(cluster: ClusterState, id: string): boolean {
  const token = cluster.tokens.get(id)
  return token ? token.revokedAtMs !== undefined : cluster.awaitedLostWrites.size === 0
}

/** Name of those who have proved the cluster's secret. */
export const SECRET_OWNER = 'secret'

/** Who asks, as what it makes is recorded. A driver acts for the owner of its submission. */
export function ownerOf(cluster: ClusterState, from: Peer): Owner {
  if (from.role === 'driver') {
    const { id } = driverOf(from)
    return cluster.drivers.get(id)?.record.owner ?? { name: SECRET_OWNER }
  }
  const id = tokenOf(from)
  return id === undefined ? { name: SECRET_OWNER } : { name: cluster.tokens.get(id)?.name ?? id, id }
}

/** Id of a Worker's token; undefined: it has the secret of the cluster, or is no Worker. */
export const joinOf = ({ role, subject }: Peer): string | undefined =>
  role === 'worker' ? joinIdOf(subject) : undefined

/** Undefined: it has proved the cluster's secret, or is neither a client nor a Worker. */
const tokenOf = (peer: Peer): string | undefined =>
  peer.role === 'client' ? tokenIdOf(peer.subject) : joinOf(peer)

/** What has this id; an executor belongs to its application. */
export function ownedBy(cluster: ClusterState, id: string): Owned | undefined {
  const cut = id.indexOf('/')
  const whole = cut < 0 ? id : id.slice(0, cut)
  const driver = cluster.drivers.get(whole) ?? cluster.endedDrivers.get(whole)
  if (driver) return { driver }
  const app = cluster.apps.get(whole) ?? cluster.endedApps.get(whole)
  return app && { app }
}

/** May this peer see and end it? */
export function owns(peer: Peer, owned: Owned): boolean {
  if (peer.role === 'driver') {
    const { id } = driverOf(peer)
    return 'driver' in owned ? owned.driver.id === id : driverIdOf(owned.app) === id
  }
  return !seesOwnOnly(peer) || ownerIn(owned)?.id === tokenOf(peer)
}

/** Everybody else who may see something may see all. */
const seesOwnOnly = (peer: Peer): boolean =>
  peer.role === 'driver' || (peer.role === 'client' && roleOf(peer.subject) === 'submit')

function ownerIn(owned: Owned): Owner | undefined {
  const of = 'driver' in owned ? owned.driver : owned.app
  return 'record' in of ? of.record.owner : of.owner
}

function driverIdOf(app: ApplicationEntry | EndedApplication): string | undefined {
  return 'record' in app ? app.record.driver?.id : (app.driver ?? undefined)
}

export const notYours = (what: string): Failure => ({
  type: 'Failure',
  code: 'FIRESTEEL_NOT_ALLOWED',
  message: `this credential ${what}`,
})

/** What a message asks about: a driver, an application, or one of its executors. */
function idIn(message: MasterMessage): string | undefined {
  if ('driverId' in message) return message.driverId
  if ('appId' in message) return message.appId
  return 'id' in message ? message.id : undefined
}

/** What a route demands of those who are no nodes. */
interface Demanded {
  readonly least?: TokenRole
  readonly driver?: 'may'
}

/** Why a peer does not get what it asks for; undefined: it may have it. What nobody knows is nobody's. */
export function refusalOf(
  from: Peer,
  message: MasterMessage,
  cluster: ClusterState | undefined,
  { least = 'admin', driver }: Demanded,
): Failure | undefined {
  if (from.role === 'node') return undefined
  const { type } = message
  const role = roleOf(from.subject)
  if (isOver(cluster, from)) return notYours(`is that of ${from.subject}, which is over`)
  if (from.role === 'driver' && driver !== 'may')
    return notYours(`is that of a driver, which may not send ${type}`)
  if (from.role !== 'driver' && !mayAs(role, least))
    return notYours(`has the role ${role}, and ${type} needs ${least}`)
  if (!seesOwnOnly(from)) return undefined
  const id = idIn(message)
  const owned = cluster && id !== undefined ? ownedBy(cluster, id) : undefined
  if (!owned || owns(from, owned)) return undefined
  return notYours(`is that of ${from.subject}, and ${id} is not its own`)
}

/** Which rows of a state a peer may see; undefined: all of them. */
export function rowsSeenBy(
  from: Peer,
  cluster: ClusterState | undefined,
): ((section: StateSection, row: object) => boolean) | undefined {
  if (!seesOwnOnly(from)) return undefined
  return (section, row) => {
    if (section === 'workers') return from.role === 'client'
    const { id, appId } = row as { readonly id?: string; readonly appId?: string }
    const owned = cluster && ownedBy(cluster, appId ?? id ?? '')
    return owned !== undefined && owns(from, owned)
  }
}
