import { ClientCore } from '../../actors/client/client-core.js'
import type { ClientEffect } from '../../actors/client/client-steps.js'
import type { ClientMessage } from '../../actors/messages/catalogue.js'
import type { Position } from '../../actors/messages/common.js'
import type { ExecutorStateChanged } from '../../actors/messages/executors.js'
import { applicationDescription, driverDescription } from '../../actors/messages/samples.js'
import type { DriverReport, ExecutorReport } from '../../actors/messages/workers.js'
import type { MasterWorld } from '../tools/master-fixture.js'
import { sparkSections } from './spark-sections.js'

/*
 * Spark's rules of registration, recovery, adding a Worker, edge cases, and ends of executors and drivers
 * (Spark 1.3, 3.4, 3.5, 3.6, 4.8, 5.6), each against our cores. A rule is named by section, row or step of
 * that section, and a, b, c where a row holds several.
 */

interface Rule {
  readonly rule: string
  readonly title: string
  /** What Spark does. */
  readonly spark: string
  /** Gets a Master in STANDBY over an empty store. */
  readonly test: (world: MasterWorld) => void
}

/** `ours`: what we do beside it. */
interface AsSpark extends Rule {
  readonly as: 'Spark'
  readonly ours?: string
}

interface Different extends Rule {
  readonly as: 'different'
  readonly ours: string
  readonly why: string
}

export type SparkRule = AsSpark | Different

/** Rules of this page and of the protocol become links. */
const linked = (text: string): string =>
  text
    .replace(/\b[RSL]\d[ab]?\b/g, (id) => `[${id}](protocol.md#${id})`)
    .replace(/\b\d\.\d\.\d+[a-z]?\b/g, (id) => `[${id}](#spark-${id})`)

const inCell = (text: string): string => linked(text.replaceAll('|', '\\|'))

const anchor = (id: string): string => `<a id="spark-${id}"></a>`

function row(rule: SparkRule): string {
  const ours = rule.as === 'Spark' ? `as Spark${rule.ours ? `; ${rule.ours}` : ''}` : rule.ours
  const why = rule.as === 'different' ? rule.why : ''
  const cells = [rule.title, rule.spark, ours, why].map(inCell)
  return `| ${anchor(rule.rule)}${rule.rule} ${cells.join(' | ')} |`
}

/** Sections that are tables of rules. */
const tables: Readonly<Record<string, string>> = {
  '1.3': 'Registration and liveness',
  '3.4': 'Recovery, step by step',
  '3.5': 'Adding a Worker',
  '3.6': 'Edge cases',
  '4.8': 'Executors that fail',
  '5.6': 'Drivers that do not start, or are stopped',
}

const list = (points: readonly string[]): string[] => points.map((point) => `- ${linked(point)}`)

/** docs/spark-standalone.md: made of the very table that is tested, so the two cannot drift. */
export function sparkPage(rules: readonly SparkRule[]): string {
  const different = rules.filter(({ as }) => as === 'different').length
  const lines = [
    '# Spark standalone, and where Firesteel differs',
    '',
    '<!-- Generated from test/core/spark-*-rules.ts and spark-sections.ts: FIRESTEEL_WRITE_DOCS=1 with spark-rules.test.js writes it. -->',
    '',
    'Firesteel follows the design of the standalone cluster manager of Apache Spark (4.x line). This page says what Spark does',
    `where our code follows it or differs from it. Of the ${rules.length} rules in its tables, ${rules.length - different} are as in Spark and ${different} are different.`,
    'Each row of a table is a test (`test/core/spark-rules.test.ts`). Comments cite a section or a rule as `Spark 4.8` or',
    '`Spark 3.4.11a`. Times are defaults. W is `workerTimeout`, 60 s in both.',
  ]
  for (const section of [...Object.keys(tables), ...Object.keys(sparkSections)].sort()) {
    const prose = sparkSections[section]
    lines.push('', anchor(section), `## ${section} ${prose?.title ?? tables[section]}`, '')
    if (prose) {
      lines.push('Spark:', '', ...list(prose.spark), '', 'Firesteel:', '', ...list(prose.firesteel))
      continue
    }
    lines.push('| rule | Spark | Firesteel | why |', '| --- | --- | --- | --- |')
    lines.push(...rules.filter(({ rule }) => rule.startsWith(`${section}.`)).map(row))
  }
  return `${lines.join('\n')}\n`
}

export const workerStateOf = (world: MasterWorld, id: string) =>
  world.snapshot().workers.find((worker) => worker.id === id)?.state

export const appOf = (world: MasterWorld, id: string) =>
  [...world.snapshot().activeApps, ...world.snapshot().completedApps].find((app) => app.id === id)

export const driverOf = (world: MasterWorld, id: string) =>
  [...world.snapshot().activeDrivers, ...world.snapshot().completedDrivers].find((driver) => driver.id === id)

/** What the last step says and does behind the commit of its writes. */
export const gatedTypes = (world: MasterWorld): string[] =>
  world.lastStep!.gated.map((effect) => ('message' in effect ? effect.message.type : effect.kind))

export const writtenBy = (world: MasterWorld): string[] =>
  world.lastStep!.puts.map(({ table, id }) => `${table} ${id}`)

export const executorReport = (
  appId: string,
  execId: number,
  parts: Partial<ExecutorReport> = {},
): ExecutorReport => ({
  appId,
  execId,
  cores: 1,
  memoryMib: 128,
  resources: {},
  state: 'RUNNING',
  launchedAt: { epoch: 1, seq: 1, owner: 'm1' },
  ...parts,
})

export const driverReport = (driverId: string, parts: Partial<DriverReport> = {}): DriverReport => ({
  driverId,
  generation: 1,
  attempt: 1,
  state: 'RUNNING',
  resources: {},
  description: driverDescription,
  launchedAt: { epoch: 1, seq: 1, owner: 'm1' },
  ...parts,
})

/** The application at this endpoint answers a new leader. */
export function acknowledge(
  world: MasterWorld,
  endpoint: string,
  appId: string,
  executors: { execId: number; workerId: string }[] = [],
): void {
  world.link(endpoint, 'client')
  world.tell(endpoint, {
    type: 'MasterChangeAcknowledged',
    appId,
    registration: `reg-${endpoint}`,
    description: applicationDescription,
    listen: { port: 5000 },
    executors,
    highestExecId: Math.max(-1, ...executors.map(({ execId }) => execId)),
  })
}

/** The Worker answers a new leader. */
export function respond(
  world: MasterWorld,
  id: string,
  parts: { executors?: ExecutorReport[]; drivers?: DriverReport[] } = {},
): void {
  world.link(id)
  world.tell(id, { type: 'WorkerSchedulerStateResponse', id, executors: [], drivers: [], ...parts })
}

/** Its port refuses: three dials, within a second. */
export function refuseDials(world: MasterWorld, id: string): void {
  world.advance(0)
  for (let dial = 0; dial < 3; dial++) {
    world.input({ kind: 'probed', workerId: id, refused: true })
    world.advance(300)
  }
}

/** Worker `w1` tells of one of its executors, by default that it ended with status 1. */
export function executorEnds(
  world: MasterWorld,
  appId: string,
  execId: number,
  parts: Partial<ExecutorStateChanged> = {},
): void {
  world.tell('w1', {
    type: 'ExecutorStateChanged',
    workerId: 'w1',
    change: execId + 1,
    appId,
    execId,
    state: 'EXITED',
    exitStatus: 1,
    ...parts,
  })
}

export function driverEnds(
  world: MasterWorld,
  worker: string,
  driverId: string,
  state: 'FINISHED' | 'FAILED' | 'KILLED' | 'RUNNING',
  generation = 1,
): void {
  world.tell(worker, {
    type: 'DriverStateChanged',
    workerId: worker,
    change: 1,
    driverId,
    generation,
    attempt: 1,
    state,
  })
}

/** A Worker with an application's four executors and a driver of each kind on it; then its Master died. */
export function afterFailover(world: MasterWorld) {
  world.elect()
  world.worker('w1', { cores: 6 })
  const supervised = world.submitted({ supervise: true })
  const plain = world.submitted()
  const appId = world.application('app')
  const executors = world.toldTo('w1', 'LaunchExecutor').map(({ execId }) => executorReport(appId, execId))
  const held = executors.map(({ execId }) => ({ execId, workerId: 'w1' }))
  const drivers = [
    driverReport(supervised, { description: { ...driverDescription, supervise: true } }),
    driverReport(plain),
  ]
  world.failover().elect()
  return { appId, executors, held, supervised, plain, drivers }
}

/** A ClientEndpoint that has linked to Master m1, which leads in epoch 1. */
export function clientOf(master = 'm1') {
  const core = new ClientCore({
    masters: ['firesteel://10.0.0.1:7070'],
    registration: 'reg',
    description: applicationDescription,
    listen: { port: 5000 },
    masterTimeoutMs: 30_000,
    idleTimeoutMs: Number.POSITIVE_INFINITY,
  })
  core.step({ kind: 'start' })
  core.step({ kind: 'linkUp', peer: master, address: 'firesteel://10.0.0.1:7070' })
  const hear = (
    message: ClientMessage,
    from = master,
    position: Position = { epoch: 1, seq: 1 },
  ): ClientEffect[] => core.step({ kind: 'message', from, position, message })
  hear({ type: 'MasterChanged', master: 'firesteel://10.0.0.1:7070', web: null, masters: [] })
  return { core, hear }
}
