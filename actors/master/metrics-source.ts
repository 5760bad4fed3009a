import { inSlices } from '../../runtime/http/in-slices.js'
import type { MetricsSource } from '../../runtime/metrics/metrics-page.js'
import type { StoreRoundTrips } from '../../runtime/persistence/timed-engine.js'
import { ClusterCounts } from './cluster-counts.js'
import { type MasterGauges, masterFamilies, masterReadings } from './master-families.js'
import type { MasterMetrics } from './master-metrics.js'

export interface MasterMetricsParts {
  readonly metrics: () => MasterMetrics
  readonly roundTrips: StoreRoundTrips
  /** Throws a coded error while the Master is starting. */
  readonly gauges: () => MasterGauges
}

/** The metrics of a Master. Its cluster state is counted in slices, once per page. */
export function masterMetricsSource({ metrics, roundTrips, gauges }: MasterMetricsParts): MetricsSource {
  let counts = new ClusterCounts()
  return {
    families: masterFamilies,
    readings: masterReadings({ metrics, roundTrips, gauges, counts: () => counts }),
    async prepare() {
      const { result, costMs } = await inSlices(gauges().counting())
      counts = result
      return costMs
    },
  }
}
