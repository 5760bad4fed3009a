import { readFileSync } from 'node:fs'
import { builtFile } from '../../built-file.js'
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
  const text = readFileSync(builtFile('../package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
