import { limits } from '../../runtime/limits.js'
import { isNodeRole } from '../../runtime/transport/identity.js'
import { hasEnded, readAnyTokenId } from '../../runtime/transport/token.js'
import type { Failure } from '../messages/common.js'
import type { Identity, RequestCreateToken, RequestRevokeToken, TokenRow } from '../messages/tokens.js'
import { ownerOf, SECRET_OWNER } from './access.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { isLauncher } from './launcher-entry.js'
import { isNewer } from './lost-writes/newer.js'
import type { TokenRecord } from './records.js'
import type { ReplyToken, Step } from './step.js'
import { unknownId } from './submission.js'

/*
 * Tokens in the cluster state. A record has no secret: every node derives it from the cluster's secret and
 * the id. A token that was revoked stays as a record for a while, so that people see what became of it, and
 * so that a node which missed its end is told a list without it.
 */

const refuse = (message: string): Failure => ({ type: 'Failure', code: 'FIRESTEEL_NOT_ALLOWED', message })

const inForce = ({ id, revokedAtMs }: TokenRecord, wallMs: number): boolean =>
  revokedAtMs === undefined && !hasEnded(id, wallMs)

/** Ids of the tokens that are not revoked. Each node knows by itself which have ended. */
export const idsInForce = (cluster: ClusterState): string[] =>
  [...cluster.tokens.values()].flatMap(({ id, revokedAtMs }) => (revokedAtMs === undefined ? [id] : []))

const rowOf = ({ at: _, ...row }: TokenRecord): TokenRow => row

export function createToken(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  { id, name }: RequestCreateToken,
  reply: ReplyToken,
): void {
  const known = cluster.tokens.get(id)
  const parts = readAnyTokenId(id)
  const { wallMs } = step.now
  if (known) {
    const isSame = known.name === name && known.revokedAtMs === undefined
    step.reply(
      reply,
      isSame ? { type: 'TokenCreated', token: rowOf(known) } : refuse(`the id ${id} is taken`),
    )
    return
  }
  const all = [...cluster.tokens.values()]
  const namesake = all.find((token) => token.name === name && inForce(token, wallMs))
  if (!parts || hasEnded(id, wallMs)) step.reply(reply, refuse('a token must end later than now'))
  else if (name === SECRET_OWNER || readAnyTokenId(name))
    step.reply(reply, refuse(`the name ${JSON.stringify(name)} would be mistaken for another`))
  else if (namesake)
    step.reply(
      reply,
      refuse(`a token named ${JSON.stringify(name)} is in force; revoke it, or choose another name`),
    )
  else if (all.filter((token) => inForce(token, wallMs)).length >= limits.tokens)
    step.reply(reply, refuse(`${limits.tokens} tokens are in force, and there may be no more`))
  else {
    const { role, endsAtMs = null } = parts
    const by = ownerOf(cluster, from).name
    const token: TokenRecord = { id, name, role, createdAtMs: wallMs, endsAtMs, by }
    forgetOldest(cluster, step)
    cluster.tokens.set(id, token)
    step.put('token', id, token)
    step.log('info', 'token created', { name, token: id, by })
    tellAll(cluster, step)
    step.reply(reply, { type: 'TokenCreated', token: rowOf(token) })
  }
}

/** Makes room: those that are over go first, the oldest of them before the others. */
function forgetOldest(cluster: ClusterState, step: Step): void {
  for (const token of cluster.tokens.values()) {
    if (cluster.tokens.size < limits.tokens) return
    if (inForce(token, step.now.wallMs)) continue
    cluster.tokens.delete(token.id)
    step.delete('token', token.id)
  }
}

export function revokeToken(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  { token: wanted }: RequestRevokeToken,
  reply: ReplyToken,
): void {
  const named = [...cluster.tokens.values()].filter(({ name }) => name === wanted)
  const known =
    cluster.tokens.get(wanted) ?? named.find((token) => inForce(token, step.now.wallMs)) ?? named.at(-1)
  if (!known) {
    step.reply(reply, unknownId(wanted))
    return
  }
  if (known.revokedAtMs !== undefined) {
    step.reply(reply, { type: 'TokenRevoked', token: rowOf(known) })
    return
  }
  const revokedBy = ownerOf(cluster, from).name
  const token: TokenRecord = { ...known, revokedAtMs: step.now.wallMs, revokedBy }
  cluster.tokens.set(token.id, token)
  step.put('token', token.id, token)
  step.log('info', 'token revoked', { name: token.name, token: token.id, by: revokedBy })
  tellAll(cluster, step)
  step.reply(reply, { type: 'TokenRevoked', token: rowOf(token) })
}

export function listTokens(cluster: ClusterState, step: Step, reply: ReplyToken): void {
  step.reply(reply, { type: 'Tokens', tokens: [...cluster.tokens.values()].map(rowOf) })
}

/** To whoever asks: what this Master takes it for. */
export function identityOf(cluster: ClusterState, from: PeerInfo): Identity {
  const { role, subject } = from
  if (role === 'driver') return { type: 'Identity', name: subject ?? '', role, endsAtMs: null }
  const { name, id } = ownerOf(cluster, from)
  const token = id === undefined ? undefined : readAnyTokenId(id)
  return {
    type: 'Identity',
    name,
    role: token?.role ?? 'admin',
    ...(id !== undefined && { id }),
    endsAtMs: token?.endsAtMs ?? null,
  }
}

/** Masters and Workers let clients in; a launcher does not. */
const isTold = (peer: PeerInfo): boolean => isNodeRole(peer.role) && !isLauncher(peer)

/** It has linked, or this Master has just been elected. */
export function tellTokens(cluster: ClusterState, step: Step, to: PeerInfo): void {
  if (cluster.tokens.size > 0 && isTold(to))
    step.tell(to.incarnation, { type: 'TokensInForce', ids: idsInForce(cluster) })
}

function tellAll(cluster: ClusterState, step: Step): void {
  const ids = idsInForce(cluster)
  for (const peer of cluster.peers.values())
    if (isTold(peer)) step.tell(peer.incarnation, { type: 'TokensInForce', ids })
}

/** What the store forgot and a Master still has. A token that was revoked stays so. */
export function takeBackToken(cluster: ClusterState, step: Step, record: TokenRecord): boolean {
  const held = cluster.tokens.get(record.id)
  if (held && (held.revokedAtMs !== undefined || !isNewer(record, held))) return false
  cluster.tokens.set(record.id, record)
  step.put('token', record.id, record)
  tellAll(cluster, step)
  return true
}
