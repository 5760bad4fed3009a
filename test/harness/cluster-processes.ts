import type { ClusterNode } from './node-registry.js'

/** The processes of a test cluster: one launcher, or several as on several machines. */
export interface ClusterProcesses {
  readonly directory: string
  readonly secret: string
  /** File of the CA of a cluster with TLS. */
  readonly ca?: string | undefined
  readonly registry: {
    /** Its name, once it is known. */
    readonly cluster?: string | undefined
    /** firesteel:// of all Masters. */
    readonly master: string
    readonly nodes: readonly ClusterNode[]
    /** Throws if no node has this name. */
    find(name: string): ClusterNode
  }
  readonly watch: { look(): void }
  /** The last lines of all nodes. */
  readonly log: string
  /** For a failed wait: text for people. */
  diagnostics(): string
  /** Rejects, after killing them, if processes outlive it. */
  stop(): Promise<void>
}
