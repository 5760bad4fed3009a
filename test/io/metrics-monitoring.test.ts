import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, test } from 'node:test'
import { parser } from '@prometheus-io/lezer-promql'
import { parse } from 'yaml'
import { MetricsPage } from '../../runtime/metrics/metrics-page.js'
import {
  countedApplication,
  countedMaster,
  countedWorker,
  labelsOf,
  type ParsedMetric,
  parsed,
} from '../tools/metrics-fixture.js'

/* The files of config/monitoring against the metrics that exist, read by Prometheus's own grammar. */

interface Selector {
  readonly metric: string
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[]
}

interface Query {
  readonly selectors: readonly Selector[]
  /** Labels of `by (...)`. */
  readonly groupings: readonly string[]
}

/** Throws for what is no PromQL. */
function read(text: string): Query {
  const selectors: { metric: string; matchers: { label: string; values: string[] }[] }[] = []
  const groupings: string[] = []
  parser.parse(text).iterate({
    enter({ name, type, from, to, node }) {
      if (type.isError) throw new Error(`no PromQL at ${from} of ${text}`)
      const own = text.slice(from, to)
      if (name === 'VectorSelector') selectors.push({ metric: own.replace(/\{.*$/s, ''), matchers: [] })
      if (name === 'UnquotedLabelMatcher') {
        const label = text.slice(node.firstChild!.from, node.firstChild!.to)
        const value = JSON.parse(text.slice(node.lastChild!.from, node.lastChild!.to)) as string
        selectors.at(-1)!.matchers.push({ label, values: value.split('|') })
      }
      if (name === 'LabelName' && node.parent?.name === 'GroupingLabels') groupings.push(own)
    },
  })
  return { selectors, groupings }
}

interface Existing {
  readonly type: ParsedMetric['type']
  readonly series: readonly Readonly<Record<string, string>>[]
}

const existing = new Map<string, Existing>()

before(async () => {
  const nodes = [countedMaster(), countedWorker()]
  for (const { system, loop } of nodes) {
    loop.close()
    const count = system.messages.of('Heartbeat')
    count.received = count.sent = 1
    system.messages.handled('Heartbeat')
    system.messages.took(1)
  }
  for (const source of [...nodes.map((node) => node.source), countedApplication()]) {
    const text = await (await new MetricsPage(source).answer()).text()
    for (const { name, type } of parsed(text)) existing.set(name, { type, series: labelsOf(text, name) })
  }
})

/** Added by Prometheus when it scrapes. */
const ofScrape = ['job', 'instance']

/** What is wrong with a query; empty if nothing is. */
function faults(text: string): string[] {
  const { selectors, groupings } = read(text.replaceAll('$__rate_interval', '5m'))
  const found: string[] = []
  const labels = new Set([...ofScrape])
  for (const { metric, matchers } of selectors) {
    if (metric === 'up') continue
    const plain = existing.get(metric)
    const family = plain ?? existing.get(metric.replace(/_(bucket|sum|count)$/, ''))
    if (!family || (family.type === 'HISTOGRAM') !== (plain === undefined)) {
      found.push(`there is no ${metric}`)
      continue
    }
    if (metric.endsWith('_bucket')) labels.add('le')
    for (const label of Object.keys(family.series[0] ?? {})) labels.add(label)
    for (const { label, values } of matchers.filter((one) => !ofScrape.includes(one.label)))
      for (const value of values)
        if (!family.series.some((series) => series[label] === value))
          found.push(`${metric} has no ${label}="${value}"`)
  }
  for (const label of groupings) if (!labels.has(label)) found.push(`nothing has the label ${label}`)
  return found
}

test('wrong queries are found', () => {
  assert.deepEqual(faults('sum by (state) (firesteel_drivers)'), [])
  assert.deepEqual(faults('firesteel_elections'), ['there is no firesteel_elections'])
  assert.deepEqual(faults('firesteel_drivers{state="RUNING"}'), ['firesteel_drivers has no state="RUNING"'])
  assert.deepEqual(faults('sum by (status) (firesteel_drivers)'), ['nothing has the label status'])
  assert.deepEqual(faults('firesteel_commit_duration_seconds'), [
    'there is no firesteel_commit_duration_seconds',
  ])
  assert.throws(() => faults('sum(rate(firesteel_drivers[5m])'), /no PromQL/)
})

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: Readonly<Record<string, string>>
}

test('the alert rules of config/monitoring name metrics that exist, and say what is wrong', () => {
  const { groups } = parse(readFileSync('config/monitoring/alerts.yaml', 'utf8')) as {
    groups: { name: string; rules: Rule[] }[]
  }
  const rules = groups.flatMap((group) => group.rules)
  assert.ok(rules.length > 10)
  for (const { alert, expr, labels, annotations } of rules) {
    assert.deepEqual(faults(expr), [], alert)
    assert.match(labels.severity, /^(critical|warning|info)$/)
    assert.ok(annotations.summary, alert)
    const used = Object.values(annotations)
      .join(' ')
      .matchAll(/\$labels\.(\w+)/g)
    const { groupings, selectors } = read(expr)
    for (const [, label = ''] of used)
      assert.ok(
        groupings.includes(label) || (groupings.length === 0 && selectors.length > 0 && label === 'instance'),
        `${alert}: ${label}`,
      )
  }
  assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length)
})

interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

test('the Grafana dashboard of config/monitoring asks for metrics that exist', () => {
  const { panels } = JSON.parse(readFileSync('config/monitoring/grafana-dashboard.json', 'utf8')) as {
    panels: Panel[]
  }
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  for (const { title, type, targets = [] } of panels) {
    assert.equal(targets.length === 0, type === 'row', title)
    for (const { expr } of targets) assert.deepEqual(faults(expr), [], title)
  }
})

test('the dashboard shows every metric of Firesteel but a few that only alerts or people need', () => {
  const shown = readFileSync('config/monitoring/grafana-dashboard.json', 'utf8')
  const alerts = readFileSync('config/monitoring/alerts.yaml', 'utf8')
  const absent = [...existing.keys()].filter((name) => name.startsWith('firesteel_') && !shown.includes(name))
  assert.deepEqual(absent.filter((name) => !alerts.includes(name)).sort(), [
    'firesteel_actor_restarts_total',
    'firesteel_guard_restarts_total',
    'firesteel_leaderships_ended_total',
    'firesteel_messages_received_total',
    'firesteel_messages_sent_total',
    'firesteel_processes_started_total',
    'firesteel_worker_drivers',
    'firesteel_worker_epoch',
    'firesteel_worker_executors',
    'firesteel_worker_memory_bytes',
    'firesteel_worker_memory_used_bytes',
    'firesteel_worker_registered',
  ])
})

test('the scrape configuration names the alert rules, and ports that nodes have', () => {
  const config = parse(readFileSync('config/monitoring/prometheus.yaml', 'utf8')) as {
    rule_files: string[]
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[]
  }
  assert.deepEqual(config.rule_files, ['alerts.yaml'])
  for (const { job_name, static_configs } of config.scrape_configs) {
    assert.match(job_name, /^firesteel-/)
    for (const target of static_configs.flatMap(({ targets }) => targets)) assert.match(target, /:808[01]$/)
  }
})
