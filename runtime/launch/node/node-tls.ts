import type { LabelCounts } from '../../metrics/label-counts.js'
import type { Log } from '../../observe/log.js'
import { type ReloadResult, TlsSource } from '../../tls/tls-source.js'
import type { NodeTlsPlan } from '../config/deployment.js'
import { dialedHosts, type WebHostParts } from '../config/web-host.js'

export interface NodeTlsPlace extends WebHostParts {
  readonly tls: NodeTlsPlan
}

/** The certificates of a node. Says in its log what becomes of them. Throws CERTIFICATE_INVALID. */
export function openNodeTls(
  { tls: files, ...node }: NodeTlsPlace,
  log: Log,
  reloads: LabelCounts<ReloadResult>,
): TlsSource {
  const source = new TlsSource({ files, use: nodeUse(node), isWatched: true })
  log.info('TLS is on', expiry(source))
  source.onReload((result, reason) => {
    reloads.add(result)
    if (result === 'changed') log.info('other certificates are used now', expiry(source))
    else log.error('CERTIFICATE_INVALID: new certificates are not used, the old ones stay', { reason })
  })
  return source
}

export const nodeUse = (node: WebHostParts) => ({ isNode: true, hosts: dialedHosts(node) })

function expiry({ material }: TlsSource) {
  return Object.fromEntries(
    Object.entries(material.expiresMs).map(([file, ms]) => [`${file}Expires`, new Date(ms).toISOString()]),
  )
}
