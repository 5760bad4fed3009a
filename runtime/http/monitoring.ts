import { Hono } from 'hono'
import type { MetricsPage } from '../metrics/metrics-page.js'
import { type PageReaders, type Readers, readableBy } from './readers.js'

/** Who may read without a login. */
export interface MonitoringReaders {
  /** `/metrics` */
  readonly metrics: Readers
  /** `/healthz`, `/readyz` and `/leader` */
  readonly probes: Readers
  /** All else. Absent: programs of this machine. */
  readonly pages?: PageReaders
}

/** Adds `/metrics` to the routes of a node, and checks who reads it and the probes. */
export function withMonitoring(
  routes: Hono,
  page: MetricsPage,
  { metrics, probes }: MonitoringReaders,
): Hono {
  const monitored = new Hono()
  for (const path of ['/healthz', '/readyz', '/leader']) monitored.use(path, readableBy(probes))
  monitored.get('/metrics', readableBy(metrics), () => page.answer())
  monitored.route('/', routes)
  return monitored
}
