/** A node of a test cluster as it is now. */
export interface ClusterNode {
  /** m1, m2, ... and w1, w2, ... */
  readonly name: string
  readonly role: 'master' | 'worker'
  /** Of its present process; 0 between two. */
  readonly pid: number
  /** firesteel://host:port. It stays the same over restarts. */
  readonly address: string
  /** URL of its HTTP; null if it has none. */
  readonly web: string | null
  /** How often it was started. */
  readonly starts: number
}

/** What `up --json` prints. Its shapes are public. */
export type UpLine =
  | { event: 'started'; node: string; role: 'master' | 'worker'; pid: number }
  | { event: 'ready'; cluster: string; master: string; nodes: ReadyNode[] }
  | { event: 'exited'; node: string; pid: number; code: number | null; signal: string | null }

interface ReadyNode {
  name: string
  role: 'master' | 'worker'
  pid: number
  address: string
  web: string | null
}

/** Follows the nodes by the output of `up --json`. */
export class NodeRegistry {
  readonly #nodes = new Map<string, ClusterNode>()
  /** Its name; undefined until `up` was ready. */
  cluster: string | undefined
  /** firesteel:// of all Masters; empty until `up` was ready. */
  master = ''

  get nodes(): ClusterNode[] {
    return [...this.#nodes.values()]
  }

  apply(line: UpLine): void {
    if (line.event === 'started') {
      const { node: name, role, pid } = line
      const known = this.#nodes.get(name)
      this.#nodes.set(name, {
        address: '',
        web: null,
        ...known,
        name,
        role,
        pid,
        starts: (known?.starts ?? 0) + 1,
      })
    } else if (line.event === 'exited') {
      const known = this.#nodes.get(line.node)
      if (known?.pid === line.pid) this.#nodes.set(line.node, { ...known, pid: 0 })
    } else if (line.event === 'ready') {
      this.cluster = line.cluster
      this.master = line.master
      for (const { name, address, web } of line.nodes) {
        const known = this.#nodes.get(name)
        if (known) this.#nodes.set(name, { ...known, address, web })
      }
    }
  }

  /** Throws if no node has this name. */
  find(name: string): ClusterNode {
    const node = this.#nodes.get(name)
    if (node) return node
    throw new Error(`the cluster has no node ${name}; it has ${[...this.#nodes.keys()].join(', ')}`)
  }
}
