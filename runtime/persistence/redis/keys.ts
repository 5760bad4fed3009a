import { isUtf8 } from 'node:buffer'
import { type Table, tables } from '../engine.js'

/** Keys of one cluster (protocol 2). Their common hash tag keeps them on one node of a Redis Cluster. */
export interface ClusterKeys {
  readonly leader: string
  readonly table: Readonly<Record<Table, string>>
  readonly quarantine: string
  readonly lock: string
  /** Channel that the leader of this name has joined. */
  alive(owner: string): string
}

export function clusterKeys(cluster: string): ClusterKeys {
  const tag = `{firesteel:${cluster}}`
  const table = Object.fromEntries(tables.map((name) => [name, `${tag}:${name}`])) as Record<Table, string>
  return {
    leader: `${tag}:leader`,
    table,
    quarantine: `${tag}:quarantine`,
    lock: `${tag}:lock`,
    alive: (owner) => `${tag}:alive:${owner}`,
  }
}

/**
 * Half a surrogate pair has no bytes in UTF-8. Such an id is written as JSON, and so is an id that looks like
 * that.
 */
export function encodeId(id: string): string {
  return id.startsWith('"') || /\p{Surrogate}/u.test(id) ? JSON.stringify(id) : id
}

/** Undefined if the bytes are not an id of ours. */
export function decodeId(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return undefined
  const text = bytes.toString('utf8')
  if (!text.startsWith('"')) return text
  try {
    const id: unknown = JSON.parse(text)
    return typeof id === 'string' ? id : undefined
  } catch {
    return undefined
  }
}
