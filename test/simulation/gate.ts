import { MasterCore } from '../../actors/master/master-core.js'
import type { MasterInput } from '../../actors/master/master-input.js'
import type { Outgoing } from '../../actors/master/step.js'
import type { LaunchDriver } from '../../actors/messages/drivers.js'
import type { LaunchExecutor, WorkerRemoved } from '../../actors/messages/executors.js'
import type { FinishUpgradeResponse } from '../../actors/messages/upgrade.js'
import type { HeartbeatAck } from '../../actors/messages/workers.js'
import type { Place } from './place.js'
import { launching, receivedBefore, reported } from './received-ends.js'
import type { Watchers } from './sim-world.js'

/** When a core decided to send a message. Only messages that must wait for the fence are in here. */
const decidedAtMs = new WeakMap<object, number>()
/** Refusals that are one object for all who are refused: nobody knows which of them leaves. */
const shared = new WeakSet<object>()

const gates = new WeakMap<MasterCore, Gate>()

const step = MasterCore.prototype.step
MasterCore.prototype.step = function (this: MasterCore, input, now, commitQueue) {
  if (input.kind === 'message' && this.cluster) reported(this.cluster, input.from, input.message)
  const made = step.call(this, input, now, commitQueue)
  const gate = gates.get(this)
  if (input.kind === 'elected') gate?.begins(input.format)
  if (made.format !== undefined) gate?.raises(this, input, made.format)
  for (const effect of made.gated) {
    if (!('message' in effect)) continue
    const { message } = effect
    if (message.type === 'Failure' && decidedAtMs.has(message)) shared.add(message)
    decidedAtMs.set(message, now.monotonicMs)
    if (message.type === 'FinishUpgradeResponse') gate?.answers(message)
    if (effect.message.type === 'LaunchDriver' && this.cluster) launching(this.cluster, effect.message)
  }
  return made
}

/** Commands and acknowledgements: their sender leads. */
const gated: ReadonlySet<string> = new Set<string>([
  'LaunchDriver',
  'KillDriver',
  'LaunchExecutor',
  'KillExecutor',
  'ApplicationFinished',
  'ChangesAcknowledged',
  'RegisteredWorker',
  'RegisteredApplication',
  'ExecutorAdded',
  'ExecutorUpdated',
  'WorkerRemoved',
  'SubmitDriverResponse',
  'KillDriverResponse',
  'ApplicationRemoved',
  'ExecutorsAnswer',
  'FinishUpgradeResponse',
] satisfies Outgoing['type'][])

/** The process of a Master, as its links see it. */
export interface GatedMaster {
  readonly place: Place
  readonly incarnation: string
  readonly engine: { readonly confirmedAtMs: number }
}

/**
 * Checks what a Master sends: a message that its core decided leaves only after a fence check that was sent
 * after the decision (protocol S1, 4.1), whatever the commit queue believes.
 */
export class Gate {
  readonly #checks: Watchers
  readonly #master: GatedMaster
  /**
   * What this process has acknowledged: it owes it to a store that forgets, as long as it lives (protocol
   * S2).
   */
  readonly acknowledged = new Set<string>()

  constructor(checks: Watchers, master: GatedMaster) {
    this.#checks = checks
    this.#master = master
  }

  /** What this core decides is checked here. */
  watch(core: MasterCore): void {
    gates.set(core, this)
  }

  begins(format: number): void {
    this.#checks.formats.begins(this.#master.incarnation, format)
  }

  raises(core: MasterCore, input: MasterInput, format: number): void {
    const linked = core.peerMasters().all.map(({ incarnation }) => incarnation)
    const message = input.kind === 'message' ? input.message : undefined
    const { masters = 0 } = message?.type === 'RequestFinishUpgrade' ? message : {}
    this.#checks.formats.raising(this.#master.incarnation, linked, format, masters)
  }

  answers(response: object): void {
    this.#checks.formats.answers(response)
  }

  leaves(message: { readonly type: string }): void {
    const decidedMs = decidedAtMs.get(message)
    const { engine, incarnation, place } = this.#master
    if (decidedMs === undefined) {
      if (gated.has(message.type)) this.#checks.fail('S1', `${incarnation} sent ${message.type}, unfenced`)
    } else if (engine.confirmedAtMs < decidedMs && !shared.has(message)) {
      const text = `decided ${(place.monotonicMs() - decidedMs).toFixed(1)} ms ago, after its last fence check`
      this.#checks.fail('S1', `${incarnation} sent ${message.type}, ${text}`)
    }
    if (message.type === 'SubmitDriverResponse')
      this.acknowledged.add((message as { driverId?: string }).driverId!)
    else if (message.type === 'FinishUpgradeResponse')
      this.#checks.formats.told(incarnation, message as FinishUpgradeResponse)
    // If it registers before the store has the removal, the store hears of neither.
    else if (message.type === 'WorkerRemoved') this.#checks.work.workerRemoved((message as WorkerRemoved).id)
    else if (message.type === 'HeartbeatAck')
      this.#checks.work.heartbeatHandled(incarnation, message as HeartbeatAck)
    else if (message.type === 'LaunchExecutor')
      this.#checks.work.executorLaunched(incarnation, message as LaunchExecutor)
    else if (message.type === 'LaunchDriver') {
      const received = receivedBefore(message)
      if (received) this.#checks.work.launchDecided(message as LaunchDriver, received)
    }
  }
}
