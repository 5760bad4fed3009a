import { findCluster } from '../../actors/client/find-cluster.js'
import { MasterClient } from '../../actors/client/master-client.js'
import { explanationOf, explanationText } from '../../runtime/launch/cli/explain-view.js'
import type { Asked } from './status.js'

/** What `firesteel explain ID` says, and its cause in the JSON. */
export interface ExplainedText {
  readonly cause: string
  readonly text: string
}

/**
 * Asked by this process, on lines as long as they need to be. A wait that ran the command would start a
 * process for each look. Undefined: there is no such thing yet.
 */
export async function explainedText(
  { address, secret, directory }: Asked,
  of: string,
): Promise<ExplainedText | undefined> {
  const client = new MasterClient(findCluster({ address, secret, env: {}, cwd: directory }))
  try {
    const state = await client.request({ type: 'RequestMasterState', of, explain: true })
    const found = explanationOf(state, Date.now())
    return found && { cause: found.shown.cause, text: explanationText(found.shown, 10_000) }
  } finally {
    await client.close()
  }
}
