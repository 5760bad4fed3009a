import { LIAR } from './liar.js'
import type { MasterNode, WorkerNode } from './nodes.js'
import type { Rates } from './rates.js'
import type { Shape } from './shape.js'
import type { SimSubmitter } from './sim-submitter.js'
import type { StoreState } from './store-model.js'
import { Violation } from './violation.js'
import type { World } from './world.js'

/** What a script waits for. */
export type Wait =
  | {
      readonly kind: 'for'
      readonly text: string
      readonly isSo: () => boolean
      readonly withinMs: number
      readonly invariant: string
    }
  | { readonly kind: 'ms'; readonly ms: number }

/**
 * A history that is scripted: these faults at these moments, and everything else (delays, work, order) from
 * the seed. Unlike a seed, it stays the same when the simulator draws other numbers.
 */
export interface Script {
  readonly name: string
  /** What it shows. For a defect that was found: what it was. */
  readonly says: string
  readonly shape?: Partial<Shape>
  readonly rates?: Partial<Rates>
  play(stage: Stage): Generator<Wait, void, undefined>
}

const WITHIN_MS = 60_000

/** What a script can use. */
export class Stage {
  readonly world: World

  constructor(world: World) {
    this.world = world
  }

  /** A script that does not reach its fault shows nothing, so that is a failure too. */
  until(text: string, isSo: () => boolean, withinMs = WITHIN_MS, invariant = 'script'): Wait {
    return { kind: 'for', text, isSo, withinMs, invariant }
  }

  ms(ms: number): Wait {
    return { kind: 'ms', ms }
  }

  get alive(): MasterNode | undefined {
    return this.world.masters.find(
      ({ leads, place, process }) =>
        leads && place?.frozen === false && process?.masterHost.snapshot().state === 'ALIVE',
    )
  }

  /** The Master that the store last made the leader, whatever became of it. */
  get elected(): MasterNode | undefined {
    const owner = this.world.store.model.leader()?.owner
    return this.world.masters.find(({ process }) => process?.incarnation === owner)
  }

  /** The first client process that submits. */
  get client(): SimSubmitter | undefined {
    return this.world.submitters[0]?.process
  }

  get epoch(): number {
    return this.world.store.model.leader()?.epoch ?? 0
  }

  othersThan(master: MasterNode): MasterNode[] {
    return this.world.masters.filter((other) => other !== master)
  }

  cut(one: { readonly name: string }, other: { readonly name: string }): void {
    this.cutOneWay(one, other)
    this.cutOneWay(other, one)
  }

  cutOneWay(from: { readonly name: string }, to: { readonly name: string }): void {
    this.world.tell('fault', `cut ${from.name} -> ${to.name}`)
    this.world.network.cut(from.name, to.name)
  }

  heal(one: { readonly name: string }, other: { readonly name: string }): void {
    this.world.tell('fault', `heal ${one.name} - ${other.name}`)
    this.world.network.heal(one.name, other.name)
    this.world.network.heal(other.name, one.name)
  }

  freeze(node: MasterNode | WorkerNode): void {
    this.world.tell('fault', `freeze ${node.name}`)
    node.freeze()
  }

  /** The store returns at once to what it was. */
  fallTo(state: StoreState): void {
    const { store, checks } = this.world
    this.world.tell('fault', 'the store falls')
    store.stop()
    store.model.restore(state)
    checks.storeFell()
    store.start()
  }

  expect(isSo: boolean, invariant: string, text: string): void {
    if (!isSo) this.world.note(new Violation(invariant, text))
  }
}

/** As the ALIVE Master counts them, without liars. */
export const registeredWorkers = ({ alive }: Stage): number =>
  alive?.process?.masterHost.snapshot().workers.filter(({ id }) => !id.startsWith(LIAR)).length ?? 0

/** Runs a script: it goes on as soon as the condition that it waits for holds. */
export class Director {
  readonly #world: World
  readonly #play: Generator<Wait, void, undefined>
  #waitsFor: Extract<Wait, { kind: 'for' }> | undefined
  #over = false

  constructor(world: World, script: Script) {
    this.#world = world
    this.#play = script.play(new Stage(world))
    world.disturbed = true
    world.afterEvent = () => this.#look()
    this.#next()
  }

  get over(): boolean {
    return this.#over
  }

  #look(): void {
    if (this.#waitsFor?.isSo()) this.#next()
  }

  #next(): void {
    this.#waitsFor = undefined
    const { done, value: wait } = this.#play.next()
    if (done) {
      this.#over = true
      return
    }
    const { timeline } = this.#world
    if (wait.kind === 'ms') {
      timeline.after(wait.ms, () => this.#next())
      return
    }
    this.#waitsFor = wait
    timeline.after(wait.withinMs, () => {
      if (this.#waitsFor === wait)
        this.#world.note(
          new Violation(wait.invariant, `${wait.text} did not come about in ${wait.withinMs} ms`),
        )
    })
  }
}
