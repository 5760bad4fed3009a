import type { ClusterState } from '../../actors/master/cluster-state.js'
import { MasterCore } from '../../actors/master/master-core.js'
import type { MasterInput } from '../../actors/master/master-input.js'
import type { DriverRecord } from '../../actors/master/records.js'
import type { Step } from '../../actors/master/step.js'

/* Watches what becomes of everything that a Master holds, for the diagrams of docs/protocol.md. */

export const kinds = ['master', 'worker', 'driver', 'application', 'executor'] as const
export type Kind = (typeof kinds)[number]

/** Where something begins and ends, as in the diagrams. */
const OUTSIDE = '[*]'

const ends: ReadonlySet<string> = new Set(['FINISHED', 'FAILED', 'KILLED', 'ERROR', 'EXITED', 'LOST'])

type States = Map<string, string>
type Rows = Iterable<{ readonly id: string; readonly state: string }>

const byId = (...rows: Rows[]): States =>
  new Map(rows.flatMap((some) => [...some].map(({ id, state }) => [id, state] as const)))

function executorsOf(cluster: ClusterState): States {
  const states: States = new Map()
  for (const app of cluster.apps.values()) {
    for (const { execId, state } of app.executors.values()) states.set(`${app.id}/${execId}`, state)
  }
  return states
}

function statesOf(cluster: ClusterState | undefined): Record<Kind, States> {
  if (!cluster)
    return {
      master: new Map([['', 'STANDBY']]),
      worker: byId(),
      driver: byId(),
      application: byId(),
      executor: byId(),
    }
  return {
    master: new Map([['', cluster.state]]),
    worker: byId(cluster.workers.values()),
    driver: byId(
      [...cluster.drivers.values()].map(({ id, record }) => ({ id, state: record.state })),
      cluster.endedDrivers.values(),
    ),
    application: byId(cluster.apps.values(), cluster.endedApps.values()),
    executor: executorsOf(cluster),
  }
}

/** What an application was told of executors that are not held any more is how they ended. */
function endsTold({ gated }: Step): States {
  const told: States = new Map()
  for (const effect of gated) {
    if (effect.kind !== 'tell' || effect.message.type !== 'ExecutorUpdated') continue
    const { appId, execId, state } = effect.message
    told.set(`${appId}/${execId}`, state)
  }
  return told
}

/** Collects the transitions of Master cores as `A --> B`, by kind. */
export class TransitionWatch {
  readonly seen: Readonly<Record<Kind, Set<string>>> = {
    master: new Set(),
    worker: new Set(),
    driver: new Set(),
    application: new Set(),
    executor: new Set(),
  }
  readonly #stored = new WeakMap<MasterCore, DriverRecord[]>()

  /**
   * Watches every core of this process while `run` runs, and no longer: other tests share the process, and
   * to compare whole states costs more than their steps.
   */
  during(run: () => void): void {
    const { step } = MasterCore.prototype
    const watched = (core: MasterCore, ...given: Parameters<typeof step>): Step =>
      this.#watched(core, given[0], () => step.apply(core, given))
    MasterCore.prototype.step = function watchedStep(this: MasterCore, ...given): Step {
      return watched(this, ...given)
    }
    try {
      run()
    } finally {
      MasterCore.prototype.step = step
    }
  }

  #watched(core: MasterCore, input: MasterInput, step: () => Step): Step {
    const before = statesOf(core.cluster)
    // The state of a driver is in its record, which outlives a leadership.
    if (input.kind === 'elected') this.#stored.set(core, [])
    else if (input.kind === 'records') this.#stored.get(core)?.push(...(input.records.drivers ?? []))
    else if (input.kind === 'restored') before.driver = byId(this.#stored.get(core) ?? [])
    const done = step()
    const after = statesOf(core.cluster)
    const told = endsTold(done)
    for (const kind of kinds) {
      // An executor that its application let go, or that ended with it, is killed.
      this.#note(kind, before[kind], after[kind], (id) =>
        kind === 'executor' ? (told.get(id) ?? 'KILLED') : OUTSIDE,
      )
    }
    return done
  }

  #note(kind: Kind, before: States, after: States, gone: (id: string) => string): void {
    for (const [id, state] of after) {
      const former = before.get(id) ?? OUTSIDE
      if (former !== state && !(former === OUTSIDE && ends.has(state)))
        this.seen[kind].add(`${former} --> ${state}`)
    }
    for (const [id, state] of before) {
      if (!after.has(id) && !ends.has(state)) this.seen[kind].add(`${state} --> ${gone(id)}`)
    }
  }
}
