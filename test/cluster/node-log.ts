import type { ClusterNode } from '../harness/node-registry.js'

/** What nodes have logged, in order. */
export class NodeLog {
  readonly #lines: string[] = []

  hear(line: string): void {
    this.#lines.push(line)
  }

  /** Messages of one. */
  said({ name }: Pick<ClusterNode, 'name'>): string[] {
    return this.#lines.flatMap((line) => {
      try {
        const { node, message } = JSON.parse(line) as { node?: string; message?: string }
        return node === name && message !== undefined ? [message] : []
      } catch {
        return []
      }
    })
  }
}
