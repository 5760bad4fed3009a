import { Hono } from 'hono'
import type { MetricsPage } from '../metrics/metrics-page.js'
import { type Readers, readableBy } from './readers.js'

/** Who may read what monitors read. */
export interface MonitoringReaders {
  /** `/metrics` */
  readonly metrics: Readers
  /** `/healthz`, `/readyz` and `/leader` */
  readonly probes: Readers
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
