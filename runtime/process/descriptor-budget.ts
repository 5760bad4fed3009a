import { FiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import { descriptorLimit, withinDescriptors } from './descriptors.js'

/*
 * How many connections a process can have, by the files that it may open. A node finds this out at its start,
 * and not when it must refuse a Worker.
 */

/** Connections of each kind that a listener accepts: it counts each until its descriptor is free again. */
export interface DescriptorBudget {
  readonly nodes: number
  /** Clients, applications, drivers. */
  readonly others: number
  /** Connections that are not authenticated yet, of one listener. */
  readonly handshakes: number
}

/** `descriptors` is undefined if the system does not tell. */
export function descriptorBudget(descriptors = descriptorLimit()): DescriptorBudget {
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
 * Throws DESCRIPTORS_TOO_FEW if this process may open too few files to run at all, or to have a link to each
 * of the other nodes that are known. The hard limit counts, because Node has raised the soft one to it.
 */
export function requireDescriptors(otherNodes: number, descriptors = descriptorLimit()): void {
  if (descriptors === undefined) return
  const { nodes } = descriptorBudget(descriptors)
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

/** A warning of a Master with few descriptors; undefined: it has enough. */
export function fewDescriptors(
  descriptors = descriptorLimit(),
): { readonly descriptors: number; readonly mostNodes: number; readonly mostOthers: number } | undefined {
  if (descriptors === undefined || descriptors >= limits.descriptorsEnough) return undefined
  const { nodes, others } = descriptorBudget(descriptors)
  return { descriptors, mostNodes: nodes, mostOthers: others }
}
