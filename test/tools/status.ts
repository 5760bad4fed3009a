import { findCluster } from '../../actors/client/find-cluster.js'
import { MasterClient } from '../../actors/client/master-client.js'
import { resolveId } from '../../actors/client/resolve-id.js'
import { oneStatusJson, statusJson } from '../../runtime/launch/cli/status-view.js'

/** A cluster by its address and secret, or the one that `up` left in this folder. */
export interface Asked {
  readonly address?: string
  readonly secret?: string
  readonly directory: string
}

/**
 * What `firesteel status [ID] --json` prints, asked by this process. A wait that ran the command would start
 * a process for each look.
 */
export async function statusOf<T>({ address, secret, directory }: Asked, text?: string): Promise<T> {
  const client = new MasterClient(findCluster({ address, secret, env: {}, cwd: directory }))
  try {
    const id = text === undefined ? undefined : await resolveId(client, text)
    const state = await client.request({ type: 'RequestMasterState', ...(id !== undefined && { of: id }) })
    const report = id === undefined ? statusJson(state) : oneStatusJson(state, id)
    return JSON.parse(JSON.stringify(report)) as T
  } finally {
    await client.close()
  }
}

/** For a wait that asks so: fast enough to see each state, and no load. */
export const ASKING = { everyMs: 30 } as const
