import type { DeployedDriver } from '../../../../actors/messages/deployments.js'
import type { Deployment } from '../../config/deployment.js'
import type { Change } from '../../config/difference.js'
import type { NodeStep } from '../../node/node-steps.js'
import { sameContent } from '../submission-key.js'

/* What an apply does, decided from what the launchers and the leader say that there is. Pure. */

/** A launcher, and what it says that the file changes on its machine. */
export interface LauncherView {
  readonly id: string
  readonly host: string
  /** Names of the nodes that it runs. */
  readonly nodes: readonly string[]
  /** Names of all nodes of the file that it runs, on whatever machine. */
  readonly named: readonly string[]
  readonly changes: readonly Change[]
  readonly steps: readonly NodeStep[]
}

export interface ApplyInput {
  readonly wanted: Pick<Deployment, 'masters' | 'workers'>
  readonly launchers: readonly LauncherView[]
  /** The submissions of the file. */
  readonly submissions: readonly { readonly name: string; readonly key: string }[]
  /** What runs of this file, or of earlier ones. */
  readonly live: readonly DeployedDriver[]
  /** What has ended of these submissions. */
  readonly ended: readonly DeployedDriver[]
  readonly prune: boolean
}

export type ApplyStep =
  | ({ readonly kind: 'node'; readonly launcher: string } & NodeStep)
  | { readonly kind: 'submission'; readonly name: string; readonly step: 'submit' | 'replace' | 'end' }

export interface ApplyPlan {
  readonly changes: readonly Change[]
  /** What this cluster cannot get while it runs. Then nothing is done. */
  readonly refused: readonly Change[]
  /** Nodes that no launcher which is linked would start. Then nothing is done. */
  readonly homeless: readonly { readonly name: string; readonly host: string }[]
  /** Nodes that the file does not name any more, and no launcher that is linked runs. */
  readonly away: readonly string[]
  readonly steps: readonly ApplyStep[]
  /** Drivers of earlier files that go on, because nobody asked for their end. */
  readonly left: readonly DeployedDriver[]
}

type NodeApplyStep = Extract<ApplyStep, { kind: 'node' }>

/** The nodes that go on where they are. */
const staying = (launchers: readonly LauncherView[]): ReadonlySet<string> =>
  new Set(
    launchers.flatMap(({ nodes, steps }) =>
      nodes.filter((name) => !steps.some(({ node, step }) => node === name && step === 'stop')),
    ),
  )

/** A new node is started by one launcher, although several may be on its machine. */
function nodeStepsOf({ launchers }: ApplyInput): NodeApplyStep[] {
  const stays = staying(launchers)
  const started = new Set<string>()
  return launchers.flatMap(({ id, steps }) =>
    steps.flatMap((step) => {
      if (step.step === 'start' && (stays.has(step.node) || started.has(step.node))) return []
      if (step.step === 'start') started.add(step.node)
      return [{ kind: 'node' as const, launcher: id, ...step }]
    }),
  )
}

/**
 * New nodes come first, so that what leaves others finds room; then the programs; then what restarts without
 * an end of its work, Workers before Masters; last what goes, because its work has somewhere to go by then. A
 * node that moves to another machine stops before it starts there.
 */
function inOrder(nodes: readonly NodeApplyStep[], submissions: readonly ApplyStep[]): ApplyStep[] {
  const stops = new Set(nodes.flatMap(({ node, step }) => (step === 'stop' ? [node] : [])))
  const moves = nodes.filter(({ node, step }) => step === 'start' && stops.has(node))
  const moved = new Set(moves.map(({ node }) => node))
  const of = (role: NodeStep['role'], ...steps: NodeStep['step'][]) =>
    nodes.filter((each) => each.role === role && steps.includes(each.step) && !moved.has(each.node))
  return [
    ...of('master', 'start'),
    ...of('worker', 'start'),
    ...submissions,
    ...of('worker', 'restart'),
    ...of('worker', 'renew'),
    ...moves.flatMap((start) => [
      ...nodes.filter(({ node, step }) => node === start.node && step === 'stop'),
      start,
    ]),
    ...of('master', 'restart'),
    ...of('master', 'renew'),
    ...of('worker', 'stop'),
    ...of('master', 'stop'),
  ]
}

/** True: it waits for one of these. Who gets a port waits until the node that has it has let go of it. */
function waitsFor(step: ApplyStep, open: readonly ApplyStep[]): boolean {
  if (step.kind !== 'node') return false
  const { node, launcher, step: what, after = [] } = step
  return open.some(
    (other) =>
      other.kind === 'node' &&
      ((what === 'start' && other.step === 'stop' && other.node === node) ||
        (other.launcher === launcher && after.some((handed) => handed.node === other.node))),
  )
}

interface Ordered {
  readonly steps: readonly ApplyStep[]
  /** They wait for each other. */
  readonly stuck: readonly ApplyStep[]
}

/** The same order, but that what waits for another one comes right behind it. */
function afterWhatLetsGo(steps: readonly ApplyStep[]): Ordered {
  const done: ApplyStep[] = []
  let open = steps
  while (open.length > 0) {
    const next = open.find((step) => !waitsFor(step, open))
    if (!next) break
    done.push(next)
    open = open.filter((step) => step !== next)
  }
  return { steps: [...done, ...open], stuck: open }
}

/** Nodes of one machine that exchange their ports: neither can start before the other one has stopped. */
const exchanged = (stuck: readonly ApplyStep[]): Change[] =>
  stuck.flatMap((step): Change[] => {
    const handed = step.kind === 'node' ? step.after?.[0] : undefined
    if (step.kind !== 'node' || !handed) return []
    return [
      {
        ...{ change: 'changed', key: `${step.role}s.${step.node}`, keys: ['port'], step: 'never', nodes: [] },
        why: `it would get port ${handed.port} of ${handed.node}, and they wait for each other; give one of them a free port first, and apply again`,
      },
    ]
  })

function submissionSteps(input: ApplyInput): { steps: ApplyStep[]; left: DeployedDriver[] } {
  const { submissions, live, ended, prune } = input
  const wanted = new Set(submissions.map(({ name }) => name))
  const others = live.filter(({ name }) => !wanted.has(name))
  const step = (name: string, what: 'submit' | 'replace' | 'end'): ApplyStep => ({
    kind: 'submission',
    name,
    step: what,
  })
  const ends = prune ? [...new Set(others.map(({ name }) => name))].map((name) => step(name, 'end')) : []
  const rest = submissions.flatMap(({ name, key }) => {
    const drivers = live.filter((driver) => driver.name === name)
    const [driver, ...more] = drivers
    if (!driver) {
      const former = ended.find((one) => one.name === name && sameContent(one.key, key))
      return former && former.state !== 'KILLED' ? [] : [step(name, 'submit')]
    }
    if (driver.state === 'KILLING') return [step(name, 'submit')]
    // What an apply that was cut off has begun is waited for.
    const isSo = more.length === 0 && sameContent(driver.key, key) && !driver.isBeingReplaced
    return isSo ? [] : [step(name, 'replace')]
  })
  const left = others.filter(({ state }) => state !== 'KILLING')
  return { steps: [...ends, ...rest], left: prune ? [] : left }
}

/** With the keys that changed, where a launcher has the former file. */
function submissionChange(step: ApplyStep, told: ReadonlyMap<string, Change>): Change[] {
  if (step.kind !== 'submission') return []
  const key = `submissions.${step.name}`
  const kinds = { submit: 'added', replace: 'changed', end: 'removed' } as const
  const keys = told.get(key)?.keys
  return [{ change: kinds[step.step], key, step: step.step, nodes: [], ...(keys && { keys }) }]
}

/** True: some Master stays where it is, so that all others are found through it. */
const someMasterStays = ({ launchers, wanted }: ApplyInput): boolean => {
  const steps = new Map(
    launchers.flatMap(({ steps }) => steps.map(({ node, step }) => [node, step] as const)),
  )
  const running = new Set(launchers.flatMap(({ nodes }) => nodes))
  return wanted.masters.some(
    ({ name }) => running.has(name) && !['renew', 'start'].includes(steps.get(name) ?? ''),
  )
}

const NOBODY_STAYS: Change = {
  change: 'changed',
  key: 'masters',
  step: 'never',
  nodes: [],
  why: 'no Master keeps its address, so that nodes and clients would find none; change some, and the others by a second apply',
}

/** What no launcher that is linked would start or end. */
export function withoutLauncher(
  { wanted, launchers }: Pick<ApplyInput, 'wanted' | 'launchers'>,
  steps: readonly NodeStep[],
): Pick<ApplyPlan, 'homeless' | 'away'> {
  const running = new Set(launchers.flatMap(({ nodes }) => nodes))
  const started = new Set(steps.flatMap(({ node, step }) => (step === 'start' ? [node] : [])))
  const all = [...wanted.masters, ...wanted.workers]
  const names = new Set(all.map(({ name }) => name))
  const before = new Set(launchers.flatMap(({ named }) => named))
  // One that moves to another machine stops here, and somebody must start it there.
  const stays = staying(launchers)
  return {
    homeless: all
      .filter(({ name }) => !stays.has(name) && !started.has(name))
      .map(({ name, host }) => ({ name, host })),
    away: [...before].filter((name) => !names.has(name) && !running.has(name)),
  }
}

export function planApply(input: ApplyInput): ApplyPlan {
  const { wanted, launchers } = input
  const told = new Map(launchers.flatMap(({ changes }) => changes.map((change) => [change.key, change])))
  const nodes = nodeStepsOf(input)
  const { steps: submissions, left } = submissionSteps(input)
  const changes = [
    ...[...told.values()].filter(({ key }) => !key.startsWith('submissions.')),
    ...submissions.flatMap((step) => submissionChange(step, told)),
  ]
  const impossible = changes.filter(({ step }) => step === 'never' || step === 'together')
  const joins = wanted.masters.length === 0
  const { steps, stuck } = afterWhatLetsGo(inOrder(nodes, submissions))
  const refused = [
    ...impossible,
    ...exchanged(stuck),
    ...(joins || someMasterStays(input) ? [] : [NOBODY_STAYS]),
  ]
  return { changes, refused, ...withoutLauncher(input, nodes), steps, left }
}
