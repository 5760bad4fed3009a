import type { LabelCounts } from '../../metrics/label-counts.js'
import type { Log } from '../../observe/log.js'
import { type ReloadResult, TlsSource } from '../../tls/tls-source.js'
import type { NodeTlsPlan } from '../config/deployment.js'

export interface NodeTlsPlace {
  readonly tls: NodeTlsPlan
  /** Host by which others dial this node. */
  readonly advertise: string
}

/** The certificates of a node. Says in its log what becomes of them. Throws CERTIFICATE_INVALID. */
export function openNodeTls(
  { tls: files, advertise }: NodeTlsPlace,
  log: Log,
  reloads: LabelCounts<ReloadResult>,
): TlsSource {
  const source = new TlsSource({ files, use: nodeUse(advertise), isWatched: true })
  log.info('TLS is on', expiry(source))
  source.onReload((result, reason) => {
    reloads.add(result)
    if (result === 'changed') log.info('other certificates are used now', expiry(source))
    else log.error('CERTIFICATE_INVALID: new certificates are not used, the old ones stay', { reason })
  })
  return source
}

/** Nobody dials an address that stands for all of a machine. */
export const nodeUse = (advertise: string) => ({
  isNode: true,
  hosts: advertise === '0.0.0.0' || advertise === '::' ? [] : [advertise],
})

function expiry({ material }: TlsSource) {
  return Object.fromEntries(
    Object.entries(material.expiresMs).map(([file, ms]) => [`${file}Expires`, new Date(ms).toISOString()]),
  )
}
