import { innerLimits } from '../../runtime/inner-limits.js'
import type { WithCredentials } from '../messages/work-credentials.js'
import type { ClusterState } from './cluster-state.js'
import type { Secrets } from './token-secrets.js'

/* Keys that leave with what a leader sends to Workers. The core has no secret, so the shell adds them. */

/** host:port of Workers from which the receiver may fetch code. */
function sourcesOf(message: WithCredentials): readonly string[] {
  switch (message.type) {
    case 'LaunchDriver':
      return message.codeFrom ?? []
    case 'LaunchExecutor':
      return []
    case 'KeepCode':
      return message.codes.flatMap(({ from }) => from)
  }
}

const mayNeed = (message: { readonly type: string }): message is WithCredentials =>
  message.type === 'LaunchDriver' || message.type === 'LaunchExecutor' || message.type === 'KeepCode'

/** A Worker that can derive all that the message needs gets nothing more. */
export function withCredentials<M extends { readonly type: string }>(
  to: string,
  message: M,
  cluster: ClusterState | undefined,
  secrets: Secrets | undefined,
): M {
  if (!mayNeed(message) || !cluster || !secrets) return message
  const join = cluster.workers.get(to)?.record.join
  const sources = new Map<string, string>()
  for (const address of sourcesOf(message)) {
    const of = cluster.workersByAddress.get(address)?.record.join
    if (of !== undefined && sources.size < innerLimits.credentialSources) sources.set(address, of)
  }
  const hasOwnKeys = join !== undefined && message.type !== 'KeepCode'
  if (!hasOwnKeys && sources.size === 0) return message
  return { ...message, credentials: secrets.credentialsFor(join, message, sources) }
}
