import type { MetricsSource } from '../../runtime/metrics/metrics-page.js'
import type { Worker } from './worker.js'
import { workerFamilies, workerReadings } from './worker-families.js'

/** The metrics of a Worker. `worker` throws a coded error while it is starting. */
export function workerMetricsSource(worker: () => Worker): MetricsSource {
  let status: ReturnType<Worker['status']> | undefined
  return {
    families: workerFamilies,
    readings: workerReadings({
      metrics: () => worker().metrics,
      standing: () => worker().standing(),
      status: () => status ?? worker().status(),
    }),
    async prepare() {
      status = worker().status()
      return 0
    },
  }
}
