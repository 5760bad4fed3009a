import { isDeepStrictEqual } from 'node:util'
import { type HandedPort, handedPorts } from './node-ports.js'
import type { NodeRole, NodeSpec } from './node-spec.js'

/** What one node of a launcher takes to become what a deployment says. */
export interface NodeStep {
  readonly node: string
  readonly role: NodeRole
  /**
   * restart: its process is replaced; what a Worker runs lives on. renew: it stops without its work, because
   * it will be known under another address, and starts anew.
   */
  readonly step: 'start' | 'restart' | 'renew' | 'stop'
  /**
   * With restart: an apply that was cut off has told it to stop for good, and it stays. Its next process
   * drains no more.
   */
  readonly stays?: true
  /** It gets ports of these, which let go of them first. */
  readonly after?: readonly HandedPort[]
}

/** A node is known to others by these. */
const ADDRESS = ['host', 'port', 'advertise'] as const

function stepOf(
  now: NodeSpec | undefined,
  next: NodeSpec | undefined,
  isLeaving: boolean,
): NodeStep['step'] | undefined {
  if (!now) return next && 'start'
  if (!next) return 'stop'
  if (isDeepStrictEqual(now, next)) return isLeaving ? 'restart' : undefined
  const isElsewhere = now.role !== next.role || ADDRESS.some((key) => now[key] !== next[key])
  return isElsewhere ? 'renew' : 'restart'
}

export type Specs = ReadonlyMap<string, NodeSpec>

const nobody = (): boolean => false

/**
 * Steps in the order of the specifications that are wanted; then what is to stop. `isLeaving`: it was told to
 * stop for good, so that it is not as it was.
 */
export function nodeSteps(
  running: Specs,
  wanted: Specs,
  isLeaving: (node: string) => boolean = nobody,
): NodeStep[] {
  const names = new Set([...wanted.keys(), ...running.keys()])
  return [...names].flatMap((node) => {
    const leaves = isLeaving(node)
    const step = stepOf(running.get(node), wanted.get(node), leaves)
    const role = (wanted.get(node) ?? running.get(node))?.role ?? 'worker'
    if (!step) return []
    const after = handedPorts(node, running, wanted)
    return [
      {
        ...{ node, role, step },
        ...(leaves && step === 'restart' && { stays: true as const }),
        ...(after.length > 0 && { after }),
      },
    ]
  })
}
