import { createRequire } from 'node:module'
import type { AppStats } from '../../actors/client/app.js'
import { applicationFamilies, applicationReadings } from '../../actors/client/app-metrics.js'
import { ClusterCounts } from '../../actors/master/cluster-counts.js'
import { type MasterGauges, masterFamilies, masterReadings } from '../../actors/master/master-families.js'
import { MasterMetrics } from '../../actors/master/master-metrics.js'
import { workerFamilies, workerReadings } from '../../actors/worker/worker-families.js'
import { WorkerMetrics } from '../../actors/worker/worker-metrics.js'
import { EventLoopWatch } from '../../runtime/metrics/event-loop-watch.js'
import type { MetricsSource } from '../../runtime/metrics/metrics-page.js'
import { nodeFamilies, nodeReadings } from '../../runtime/metrics/node-families.js'
import { NodeMetrics } from '../../runtime/metrics/node-metrics.js'
import { SystemMetrics } from '../../runtime/metrics/system-metrics.js'
import { newStoreRoundTrips } from '../../runtime/persistence/timed-engine.js'
import { deadLetterReasons } from '../../runtime/system/system-options.js'
import { refusalCodes } from '../../runtime/transport/handshake-message.js'
import { workerState } from './http-samples.js'

/* What nodes count, without nodes. */

export interface ParsedMetric {
  readonly name: string
  readonly help: string
  readonly type: 'COUNTER' | 'GAUGE' | 'HISTOGRAM'
  readonly metrics: readonly {
    readonly value?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly buckets?: Readonly<Record<string, string>>
    readonly count?: string
    readonly sum?: string
  }[]
}

/** Reads the text of metrics with a parser that is not ours. */
export const parsed: (text: string) => ParsedMetric[] = createRequire(import.meta.url)(
  'parse-prometheus-text-format',
)

/** The labels of each series, as the text has them. The parser joins the histograms of one metric. */
export function labelsOf(text: string, name: string): Record<string, string>[] {
  return text.split('\n').flatMap((line) => {
    const [, series, labels = ''] = /^([a-z_]+)(?:\{(.*)\})? \S+$/.exec(line) ?? []
    if (series !== name && series !== `${name}_bucket`) return []
    return [
      Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value])),
    ]
  })
}

/** The value of one series. Throws if there is none. */
export function seriesValue(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const metric = parsed(text).find((one) => one.name === name)
  const series = metric?.metrics.find((one) =>
    Object.entries(labels).every(([key, value]) => one.labels?.[key] === value),
  )
  const value = series?.value ?? series?.count
  if (value === undefined) throw new Error(`there is no ${name}${JSON.stringify(labels)}`)
  return Number(value)
}

export interface CountedNode {
  readonly source: MetricsSource
  readonly system: SystemMetrics
  readonly loop: EventLoopWatch
}

function countedNode(role: 'master' | 'worker', ofRole: MetricsSource): CountedNode {
  const metrics = new SystemMetrics(deadLetterReasons)
  const loop = new EventLoopWatch()
  const system = { metrics, counters: { failures: 0, restarts: 0 } as never, actors: () => [] }
  const node = new NodeMetrics(refusalCodes)
  const tls = { material: { expiresMs: { cert: 1.8e12, ca: 2.1e12, crl: 1.8e12 } } }
  const common = nodeReadings({ version: '1.2.3', role, system, node, loop, tls, links: () => [] })
  const families = { ...nodeFamilies, ...ofRole.families }
  return { source: { families, readings: { ...common, ...ofRole.readings } }, system: metrics, loop }
}

export function countedMaster(): CountedNode & { readonly metrics: MasterMetrics; counts: ClusterCounts } {
  const metrics = new MasterMetrics()
  const gauges = { state: 'STANDBY', position: { epoch: 0, seq: 0 }, storeReachable: true } as MasterGauges
  const counts = new ClusterCounts()
  const roundTrips = newStoreRoundTrips()
  const readings = masterReadings({
    metrics: () => metrics,
    roundTrips,
    gauges: () => gauges,
    counts: () => counts,
  })
  return { ...countedNode('master', { families: masterFamilies, readings }), metrics, counts }
}

export function countedWorker(): CountedNode & { readonly metrics: WorkerMetrics } {
  const metrics = new WorkerMetrics()
  const standing = () => ({ registered: true, isolated: false, epoch: 3 })
  const readings = workerReadings({ metrics: () => metrics, standing, status: () => workerState })
  return { ...countedNode('worker', { families: workerFamilies, readings }), metrics }
}

const noTasks: AppStats = {
  done: 0,
  failed: 0,
  cancelled: 0,
  retried: 0,
  lost: 0,
  dropped: 0,
  live: 0,
  running: 0,
  atExecutors: 0,
  waiting: 0,
  executors: 0,
}

export function countedApplication(stats: AppStats = noTasks): MetricsSource {
  return { families: applicationFamilies, readings: applicationReadings(() => stats) }
}
