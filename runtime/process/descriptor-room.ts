import { FiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import { descriptorLimit, withinDescriptors } from './descriptors.js'

/* What a process can have at the same time, by what it may open: found at its start, not when a Worker is turned away. */

/** Connections of each kind that a door lets in. */
export interface DescriptorRoom {
  readonly nodes: number
  /** Clients, applications, drivers. */
  readonly others: number
  /** Those that have proven nothing yet. */
  readonly handshakes: number
}

/** `descriptors`: undefined where the system does not say. */
export function descriptorRoom(descriptors = descriptorLimit()): DescriptorRoom {
  const { nodeLinks, clientLinks, openHandshakes } = limits
  return {
    nodes: withinDescriptors(nodeLinks, limits.nodeDescriptorShare, descriptors),
    others: withinDescriptors(clientLinks, limits.clientDescriptorShare, descriptors),
    handshakes: withinDescriptors(openHandshakes, limits.handshakeDescriptorShare, descriptors),
  }
}

const HOW =
  'Raise the hard limit: `ulimit -Hn`, LimitNOFILE= of systemd, nofile in limits.conf, --ulimit nofile= of a container.'

/**
 * Throws DESCRIPTORS_TOO_FEW where this process may open too few files to run at all, or to have a link to so many other
 * nodes as are known of. Node has raised the soft limit to the hard one, so it is the hard one that counts.
 */
export function requireDescriptors(otherNodes: number, descriptors = descriptorLimit()): void {
  if (descriptors === undefined) return
  const { nodes } = descriptorRoom(descriptors)
  const isFit = descriptors >= limits.descriptorsLeast && otherNodes <= nodes
  if (isFit) return
  const needed = Math.max(limits.descriptorsLeast, Math.ceil(otherNodes / limits.nodeDescriptorShare))
  const why = otherNodes > nodes ? `for links to ${otherNodes} other nodes it needs` : 'it needs at least'
  throw new FiresteelError(
    'DESCRIPTORS_TOO_FEW',
    `This process may open ${descriptors} files (ulimit -Hn); ${why} ${needed}.`,
    { place: 'ulimit -Hn', help: HOW },
  )
}

/** What a Master with few descriptors says of itself; undefined: it has enough. */
export function fewDescriptors(
  descriptors = descriptorLimit(),
): { readonly descriptors: number; readonly mostNodes: number; readonly mostOthers: number } | undefined {
  if (descriptors === undefined || descriptors >= limits.descriptorsEnough) return undefined
  const { nodes, others } = descriptorRoom(descriptors)
  return { descriptors, mostNodes: nodes, mostOthers: others }
}
