import {
  applicationFamilies,
  repetitionReasons,
  taskOutcomes,
  taskStates,
} from '../../../actors/client/app-metrics.js'
import { ClusterCounts } from '../../../actors/master/cluster-counts.js'
import { masterFamilies } from '../../../actors/master/master-families.js'
import { leadershipEnds, MasterMetrics } from '../../../actors/master/master-metrics.js'
import { recoveryStates } from '../../../actors/messages/common.js'
import { workerFamilies } from '../../../actors/worker/worker-families.js'
import { killReasons, processKinds, WorkerMetrics } from '../../../actors/worker/worker-metrics.js'
import { commitOutcomes } from '../../metrics/commit-metrics.js'
import type { Families } from '../../metrics/family.js'
import type { LabelCounts } from '../../metrics/label-counts.js'
import { nodeFamilies } from '../../metrics/node-families.js'
import { droppedFrames } from '../../metrics/node-metrics.js'
import { storeOperations } from '../../persistence/timed-engine.js'
import { deadLetterReasons } from '../../system/system-options.js'
import { refusalCodes } from '../../transport/handshake-message.js'
import { roles } from '../../transport/identity.js'
import { cell, generated } from './markdown.js'

/* docs/metrics.md, from the metrics themselves. */

const intro = `# Metrics

${generated}

Each Master and each Worker serves its metrics at \`/metrics\` on its web port, as text for Prometheus. Names follow
Prometheus's conventions: times are seconds, sizes are bytes, counters end in \`_total\` and only grow while the process
lives.`

const series = `Labels are states, reasons, types of messages and kinds, never an id and never a name that a user gives. So the number of
series depends on the release alone: it is the same after 100,000 applications. All values of a label exist from the
beginning, at 0; a type of message appears with its first message.`

const cost = `Counting changes plain numbers, and nothing is made of them until somebody asks. A page is made at most once per
interval for all readers, in slices, as \`/json/\` is.`

const use = `## Prometheus and Grafana

\`config/monitoring\` has three files:

- \`prometheus.yaml\` reads all nodes. A STANDBY and a Worker know what the leader does not, so each node is a target. A
  target is named as the node's \`advertise\` (or \`host\`) says, because other names are refused.
- \`alerts.yaml\` has alert rules: no leader, a store that refuses writes, Workers that died or are isolated, work that can
  never start, and others.
- \`grafana-dashboard.json\` is a dashboard to import.

Tests check with the grammar of Prometheus that they name only metrics and labels that exist.`

const readers = `## Who may read

\`monitoring\` in the [deployment file](configuration.md#monitoring) says who reads \`/metrics\`, and who reads \`/healthz\`,
\`/readyz\` and \`/leader\`: \`everyone\` who reaches the port (the default), only programs of the same machine (\`loopback\`),
or \`nobody\`. It goes by the address that a connection comes from. A reverse proxy on the same machine is \`loopback\`
for all its users. What is not for a reader is answered 403, for \`nobody\` 404.`

const notes = `## How the numbers are meant

- **Handler time** is time of the event loop. Where many messages are handled in one turn, the clock is read a few times,
  and the time between is shared among the messages handled in it.
- **PENDING**: what waits is placed next, or nobody has looked for room yet.
- **Waits in mailboxes** are those of a sample: one message per mailbox is measured at a time.
- **Ends** of drivers and applications are counted by the leader that decided them, so a sum over all Masters counts each
  once. An end that a dying leader decided and did not write is decided, and counted, again.
- **A failover** counts from the moment at which the next leader saw the end of the former one. If it saw none, as with a
  leader that was frozen, it counts from the last pulse, which comes three times per lease.
- **Kills of the guard** after the death of its Worker are counted by nobody: whoever counts is dead.`

const table = (families: Families): string =>
  [
    '| metric | kind | labels | meaning |',
    '| --- | --- | --- | --- |',
    ...Object.entries(families).map(([name, { kind, labels = [], help }]) => {
      const of = labels.map((label) => `\`${label}\``).join(', ')
      return `| \`${name}\` | ${kind} | ${of} | ${cell(help)} |`
    }),
  ].join('\n')

const tasks = `## Tasks

Masters and Workers never see tasks: these go from the driver to its executors. So their numbers are the driver's.
\`await app.metrics()\` gives them as text, and the program serves it where it serves HTTP:

    createServer(async (_request, response) => {
      response.setHeader('content-type', 'text/plain; version=0.0.4')
      response.end(await app.metrics())
    }).listen(9464)

The driver is then a target of its own, with the job and instance that your configuration gives it.

${table(applicationFamilies)}`

const valuesOf = (counts: LabelCounts): readonly string[] => Array.from(counts.entries, ([value]) => value)

function values(): string {
  const cluster = new ClusterCounts()
  const master = new MasterMetrics()
  const worker = new WorkerMetrics()
  const all: readonly (readonly [metric: string, label: string, values: readonly string[]])[] = [
    ['firesteel_dead_letters_total', 'reason', deadLetterReasons],
    ['firesteel_frames_dropped_total', 'reason', droppedFrames],
    ['firesteel_connections_refused_total', 'reason', refusalCodes],
    ['firesteel_links', 'role', roles],
    ['firesteel_master_state', 'state', recoveryStates],
    ['firesteel_leaderships_ended_total', 'reason', leadershipEnds],
    ['firesteel_commits_total', 'outcome', commitOutcomes],
    ['firesteel_store_round_trip_seconds', 'operation', storeOperations],
    ['firesteel_workers', 'state', valuesOf(cluster.workers)],
    ['firesteel_applications', 'state', valuesOf(cluster.applications)],
    ['firesteel_drivers', 'state', valuesOf(cluster.drivers)],
    ['firesteel_executors', 'state', valuesOf(cluster.executors)],
    ['firesteel_waiting', 'reason', valuesOf(cluster.waitingDrivers)],
    ['firesteel_applications_ended_total', 'state', valuesOf(master.applicationsEnded)],
    ['firesteel_drivers_ended_total', 'state', valuesOf(master.driversEnded)],
    ['firesteel_processes_ended_total', 'kind', processKinds],
    ['firesteel_processes_ended_total', 'outcome', valuesOf(worker.ended.driver)],
    ['firesteel_process_kills_total', 'reason', killReasons],
    ['firesteel_tasks', 'state', taskStates],
    ['firesteel_tasks_ended_total', 'outcome', taskOutcomes],
    ['firesteel_task_repetitions_total', 'reason', repetitionReasons],
  ]
  const rows = all.map(
    ([metric, label, list]) =>
      `| \`${metric}\` | \`${label}\` | ${list.map((value) => `\`${value}\``).join(' ')} |`,
  )
  return ['| metric | label | values |', '| --- | --- | --- |', ...rows].join('\n')
}

/** docs/metrics.md. */
export function metricsPage(): string {
  const sections = [
    intro,
    series,
    cost,
    use,
    readers,
    `## Of every node\n\n${table(nodeFamilies)}`,
    `## Of a Master\n\n${table(masterFamilies)}`,
    `## Of a Worker\n\n${table(workerFamilies)}`,
    tasks,
    `## Values of labels\n\n${values()}`,
    notes,
  ]
  return `${sections.join('\n\n')}\n`
}
