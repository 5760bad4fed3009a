import { isDeepStrictEqual } from 'node:util'
import type { Deployment, RecoveryPlan, SchedulingPlan } from './deployment.js'

/** What it takes until a change counts. */
export type Step =
  /** Of a node. */
  | 'start'
  | 'stop'
  /** Of nodes, one after the other. */
  | 'restart'
  /** All these nodes stop before the first of them starts again. */
  | 'together'
  /** Of a driver: the old one ends before the new one is submitted. */
  | 'replace'
  | 'submit'
  | 'end'
  /** This cluster cannot get it. */
  | 'never'

export interface Change {
  readonly change: 'added' | 'changed' | 'removed'
  /** As in `scheduling.workerTimeout`; `workers.w1` is the Worker w1. No values: they may be secret. */
  readonly key: string
  /** Of a node or driver that changed: which of its keys. */
  readonly keys?: readonly string[]
  readonly step: Step
  /** The nodes of the step. They are in both files, unless they are started or stopped. */
  readonly nodes: readonly string[]
  /** Why it takes so much. */
  readonly why?: string
}

interface Rule {
  readonly key: string
  readonly step: 'restart' | 'together' | 'never'
  readonly of: 'masters' | 'workers' | 'nodes'
  readonly why?: string
}

const restart = (key: string, of: Rule['of']): Rule => ({ key, step: 'restart', of })
const store = (key: string): Rule => ({
  key: `recovery.${key}`,
  step: 'together',
  of: 'masters',
  why: 'Masters with different stores would each lead; what is in the old store does not move by itself',
})

const recoveryRules: Readonly<Record<keyof RecoveryPlan, Rule>> = {
  mode: store('mode'),
  directory: store('directory'),
  redis: store('redis'),
  sentinel: store('sentinel'),
  module: store('module'),
  // The store decides which Master leads. Lock servers only say which one may try.
  election: restart('recovery.election', 'masters'),
  leaseMs: restart('recovery.lease', 'masters'),
  replicas: restart('recovery.replicas', 'masters'),
}

const schedulingRules: Readonly<Record<keyof SchedulingPlan, Rule>> = {
  spreadOut: restart('scheduling.spreadOut', 'masters'),
  defaultCores: restart('scheduling.defaultCores', 'masters'),
  workerTimeoutMs: restart('scheduling.workerTimeout', 'nodes'),
  orphanGraceMs: restart('scheduling.orphanGrace', 'nodes'),
  relaunchOnRefused: restart('scheduling.relaunchOnRefused', 'masters'),
  maxExecutorRetries: restart('scheduling.maxExecutorRetries', 'masters'),
}

type Lists = 'masters' | 'workers' | 'submissions'
const settingRules: Readonly<Record<Exclude<keyof Deployment, Lists | 'recovery' | 'scheduling'>, Rule>> = {
  cluster: {
    key: 'cluster',
    step: 'never',
    of: 'nodes',
    why: 'its store and its nodes know each other by this name; it would be another cluster',
  },
  secret: {
    key: 'security.secret',
    step: 'together',
    of: 'nodes',
    why: 'a node with another secret is refused',
  },
  tls: {
    key: 'security.tls',
    step: 'together',
    of: 'nodes',
    why: 'a node with TLS and one without cannot talk to each other; other files at the same paths need no restart',
  },
  audit: restart('security.audit', 'nodes'),
  join: restart('master', 'workers'),
  logging: restart('logging', 'nodes'),
  traceRing: restart('tracing.ring', 'nodes'),
  otlp: restart('tracing.otlp', 'nodes'),
  recording: restart('tracing.record', 'masters'),
  code: restart('code', 'nodes'),
  monitoring: restart('monitoring', 'nodes'),
}

interface Named {
  readonly name: string
}

/** Names of the nodes that are in both. */
function kept(before: Deployment, after: Deployment, of: Rule['of']): string[] {
  const lists = of === 'nodes' ? (['masters', 'workers'] as const) : [of]
  return lists.flatMap((list) => {
    const old = new Set(before[list].map(({ name }) => name))
    return after[list].map(({ name }) => name).filter((name) => old.has(name))
  })
}

function changedKeys(before: object, after: object): string[] {
  const one = new Map(Object.entries(before))
  const other = new Map(Object.entries(after))
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((key) => !isDeepStrictEqual(one.get(key), other.get(key)))
    .map(asWritten)
}

/** The key of a plan as the file has it: its unit is in the value there. */
const asWritten = (key: string): string => key.replace(/(?:Ms|Mib)$/, '')

function* settings<K extends string>(
  before: Readonly<Record<K, unknown>>,
  after: Readonly<Record<K, unknown>>,
  rules: Readonly<Record<K, Rule>>,
  nodesOf: (of: Rule['of']) => readonly string[],
): Generator<Change> {
  for (const name of Object.keys(rules) as K[]) {
    if (isDeepStrictEqual(before[name], after[name])) continue
    const { key, step, of, why } = rules[name]
    yield { change: 'changed', key, step, nodes: nodesOf(of), ...(why !== undefined && { why }) }
  }
}

interface Steps {
  readonly added: Step
  readonly changed: Step
  readonly removed: Step
}

function* entries(
  list: Lists,
  before: readonly Named[],
  after: readonly Named[],
  steps: Steps,
): Generator<Change> {
  const old = new Map(before.map((entry) => [entry.name, entry]))
  const names = new Set(after.map(({ name }) => name))
  const nodes = (name: string): string[] => (list === 'submissions' ? [] : [name])
  const change = (kind: Change['change'], name: string): Change => ({
    change: kind,
    key: `${list}.${name}`,
    step: steps[kind],
    nodes: nodes(name),
  })
  for (const entry of after) {
    const former = old.get(entry.name)
    if (former === undefined) yield change('added', entry.name)
    else {
      const keys = changedKeys(former, entry)
      if (keys.length > 0) yield { ...change('changed', entry.name), keys }
    }
  }
  for (const { name } of before) if (!names.has(name)) yield change('removed', name)
}

const ofNodes: Steps = { added: 'start', changed: 'restart', removed: 'stop' }
const ofDrivers: Steps = { added: 'submit', changed: 'replace', removed: 'end' }

/** What is different in `after`, and what it takes until that counts. Empty if the two say the same. */
export function deploymentDifference(before: Deployment, after: Deployment): Change[] {
  const nodesOf = (of: Rule['of']): readonly string[] => kept(before, after, of)
  return [
    ...settings(before, after, settingRules, nodesOf),
    ...settings(before.recovery, after.recovery, recoveryRules, nodesOf),
    ...settings(before.scheduling, after.scheduling, schedulingRules, nodesOf),
    ...entries('masters', before.masters, after.masters, ofNodes),
    ...entries('workers', before.workers, after.workers, ofNodes),
    ...entries('submissions', before.submissions, after.submissions, ofDrivers),
  ]
}
