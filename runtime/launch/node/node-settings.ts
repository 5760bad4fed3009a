import { getHeapStatistics } from 'node:v8'
import type { SettingRow } from '../../../actors/master/pages/view.js'
import { formatDuration, formatMemory } from '../../units.js'
import type { MasterSpec } from './node-spec.js'

/*
 * The settings in force, for people. Each is named here one by one, so that no secret gets among them by
 * accident: neither the secret of the cluster nor a password of its store.
 */

const yesNo = (value: boolean): string => (value ? 'true' : 'false')

/** Host, port and database of a URL, without user and password. */
function placeOf(url: string): string {
  if (!URL.canParse(url)) return 'set'
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

function recoveryRows({
  mode,
  directory,
  redis,
  sentinel,
  election,
  replicas,
  module,
}: MasterSpec['recovery']) {
  const rows: SettingRow[] = [{ key: 'recovery.mode', value: mode }]
  if (mode === 'REDIS') {
    if (redis !== null) rows.push({ key: 'recovery.redis', value: placeOf(redis) })
    if (sentinel !== null)
      rows.push({ key: 'recovery.sentinel', value: `${sentinel.name} at ${sentinel.hosts.join(', ')}` })
    rows.push({
      key: 'recovery.election',
      value: election.length === 0 ? 'the store itself' : election.map(placeOf).join(', '),
    })
    rows.push({ key: 'recovery.replicas', value: String(replicas) })
  }
  if (mode === 'FILESYSTEM' || mode === 'CUSTOM') rows.push({ key: 'recovery.directory', value: directory })
  if (mode === 'CUSTOM' && module !== null) rows.push({ key: 'recovery.module', value: module })
  return rows
}

/** What a Master does by, with the keys of the deployment file. */
export function masterSettings(spec: MasterSpec, webPort: number): SettingRow[] {
  const { scheduling, logging } = spec
  return [
    { key: 'cluster', value: spec.cluster },
    { key: 'masters[].name', value: spec.name },
    { key: 'masters[].host', value: spec.host },
    { key: 'masters[].port', value: String(spec.port) },
    { key: 'masters[].web', value: String(webPort) },
    ...(spec.webHost === undefined ? [] : [{ key: 'masters[].webHost', value: spec.webHost }]),
    { key: 'masters[].advertise', value: spec.advertise },
    ...recoveryRows(spec.recovery),
    { key: 'recovery.lease', value: formatDuration(spec.leaseMs) },
    { key: 'scheduling.spreadOut', value: yesNo(scheduling.spreadOut) },
    {
      key: 'scheduling.defaultCores',
      value: scheduling.defaultCores === null ? 'unlimited' : String(scheduling.defaultCores),
    },
    { key: 'scheduling.workerTimeout', value: formatDuration(scheduling.workerTimeoutMs) },
    { key: 'scheduling.orphanGrace', value: formatDuration(scheduling.orphanGraceMs) },
    { key: 'scheduling.relaunchOnRefused', value: yesNo(scheduling.relaunchOnRefused) },
    {
      key: 'scheduling.maxExecutorRetries',
      value: scheduling.maxExecutorRetries < 0 ? '-1 (never)' : String(scheduling.maxExecutorRetries),
    },
    { key: 'logging.level', value: logging.level },
    { key: 'logging.format', value: logging.format },
    { key: 'tracing.ring', value: `${spec.traceRing} messages` },
    ...(spec.otlp === null ? [] : [{ key: 'tracing.otlp', value: placeOf(spec.otlp) }]),
    ...(spec.audit ? [{ key: 'security.audit.directory', value: spec.audit.directory }] : []),
    ...(spec.recording
      ? [
          { key: 'tracing.record.directory', value: spec.recording.directory },
          { key: 'tracing.record.maxBytes', value: formatMemory(spec.recording.maxMib) },
        ]
      : []),
    { key: 'Node.js', value: `${process.version}, heap of ${formatMemory(heapMib())}` },
    { key: 'Process', value: `pid ${process.pid}` },
  ]
}

const heapMib = (): number => Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20)
