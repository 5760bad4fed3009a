import type { ClusterNode } from './node-registry.js'

/** What runs a test cluster: one launcher, or several as on several machines. */
export interface ClusterProcesses {
  readonly directory: string
  readonly secret: string
  readonly registry: {
    /** firesteel:// of all Masters. */
    readonly master: string
    readonly nodes: readonly ClusterNode[]
    /** Throws where no node has this name. */
    find(name: string): ClusterNode
  }
  readonly watch: { look(): void }
  /** The last lines of all nodes. */
  readonly log: string
  /** For people whose wait was in vain. */
  diagnostics(): string
  /** Rejects, after killing them, where processes outlive it. */
  stop(): Promise<void>
}
