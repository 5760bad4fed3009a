import { readFileSync } from 'node:fs'
import { MetricsPage, type MetricsSource } from '../../metrics/metrics-page.js'
import { type NodeParts, nodeFamilies, nodeReadings } from '../../metrics/node-families.js'

/** `/metrics` of a node: what all nodes have, then what its role adds. */
export function nodeMetricsPage(parts: Omit<NodeParts, 'version'>, ofRole: MetricsSource): MetricsPage {
  return new MetricsPage({
    families: { ...nodeFamilies, ...ofRole.families },
    readings: { ...nodeReadings({ ...parts, version: version() }), ...ofRole.readings },
    ...(ofRole.prepare && { prepare: ofRole.prepare }),
  })
}

function version(): string {
  // The package is four folders up, from dist/runtime/launch/node as from a checkout.
  const text = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
