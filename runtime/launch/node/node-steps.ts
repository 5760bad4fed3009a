import { isDeepStrictEqual } from 'node:util'
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
}

/** A node is known to others by these. */
const ADDRESS = ['host', 'port', 'advertise'] as const

function stepOf(now: NodeSpec | undefined, next: NodeSpec | undefined): NodeStep['step'] | undefined {
  if (!now) return next && 'start'
  if (!next) return 'stop'
  if (isDeepStrictEqual(now, next)) return undefined
  const isElsewhere = now.role !== next.role || ADDRESS.some((key) => now[key] !== next[key])
  return isElsewhere ? 'renew' : 'restart'
}

export type Specs = ReadonlyMap<string, NodeSpec>

/** Steps in the order of the specifications that are wanted; then what is to stop. */
export function nodeSteps(running: Specs, wanted: Specs): NodeStep[] {
  const names = new Set([...wanted.keys(), ...running.keys()])
  return [...names].flatMap((node) => {
    const step = stepOf(running.get(node), wanted.get(node))
    const role = (wanted.get(node) ?? running.get(node))?.role ?? 'worker'
    return step ? [{ node, role, step }] : []
  })
}
