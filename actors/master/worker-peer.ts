import { nameInIncarnation } from '../../runtime/transport/identity.js'
import { isOver, joinOf, type Peer } from './access.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { isLauncher } from './launcher-entry.js'
import { isPeerMaster } from './peer-masters.js'
import type { Step } from './step.js'

/*
 * Which peers are Workers, and for whom each may speak. A Worker has the cluster's secret, as all nodes have,
 * or a token of its own. With a token it is the one Worker of the token's name: a machine that is taken over
 * must not speak for another.
 */

/** True: it has the secret of the cluster and is no Master and no launcher, or it has a Worker's token. */
export const isWorker = (peer: Peer): boolean =>
  peer.role === 'worker' || (peer.role === 'node' && !isPeerMaster(peer) && !isLauncher(peer))

/** Name of the Worker that this peer may be; undefined: any. */
export const nameOfJoin = (cluster: ClusterState, from: Peer): string | undefined =>
  cluster.tokens.get(joinOf(from) ?? '')?.name

/** Why this peer may not speak as the Worker of its incarnation; undefined: it may. */
export function credentialRefusal(cluster: ClusterState, from: PeerInfo): string | undefined {
  const { incarnation } = from
  if (isOver(cluster, from)) return `its token ${from.subject} is over`
  const name = nameOfJoin(cluster, from)
  if (name !== undefined && nameInIncarnation(incarnation) !== name)
    return `its token is that of the Worker ${name}, and it says that it is ${incarnation}`
  const known = cluster.workers.get(incarnation)
  return known && known.record.join !== joinOf(from)
    ? `the Worker ${incarnation} has another credential`
    : undefined
}

/**
 * Why a new Worker process may not join with its token; undefined: it may. One token is for one Worker, and a
 * second process with it may be that of a thief. The next process of a Worker comes to the address of the
 * former, or comes again until the former counts as dead.
 */
export function tokenInUse(cluster: ClusterState, from: PeerInfo, address: string): string | undefined {
  const join = joinOf(from)
  const known = cluster.workers.get(from.incarnation)
  if (join === undefined || (known && known.state !== 'DEAD')) return undefined
  for (const { id, state, record, address: theirs } of cluster.workers.values())
    if (state !== 'DEAD' && record.join === join && theirs !== address)
      return `FIRESTEEL_TOKEN_IN_USE: its token is that of ${id} at ${theirs}, which counts as alive`
  return undefined
}

/**
 * True: this peer may not be the Worker that it says it is, and is told why. Its link ends, because it would
 * keep the true one out, which cannot link under the same name.
 */
export function turnedAway(cluster: ClusterState, step: Step, peer: PeerInfo): boolean {
  const message = isWorker(peer) ? credentialRefusal(cluster, peer) : undefined
  if (message === undefined) return false
  step.log('warn', `worker refused: ${message}`, { workerId: peer.incarnation })
  step.tellNow(peer.incarnation, { type: 'RegisterWorkerFailed', workerId: peer.incarnation, message })
  step.unlink(peer.incarnation, message)
  return true
}
