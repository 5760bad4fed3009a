import { fixedMasterConfig, type Slices } from '../../actors/master/master-config.js'
import { checked, type Receiver } from '../../actors/messages/catalogue.js'
import { limits } from '../../runtime/limits.js'
import type { Log, LogFields } from '../../runtime/observe/log.js'
import type { WireEnvelope } from '../../runtime/system/envelope.js'
import type { Message } from '../../runtime/system/ref.js'
import type { GatewayOptions } from '../../runtime/transport/gateway.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import { Appliers } from './appliers.js'
import { Checks } from './checks.js'
import { Stranger } from './garbage.js'
import { History } from './history.js'
import { Liar } from './liar.js'
import { LockServer } from './lock-server.js'
import { Machine } from './machine.js'
import { Network } from './network.js'
import { ApplicationNode, MasterNode, type NodeWorld, SubmitterNode, WorkerNode } from './nodes.js'
import type { Place } from './place.js'
import { Random } from './random.js'
import type { Rates } from './rates.js'
import type { ClusterConfig, Shape } from './shape.js'
import type { SimChild } from './sim-child.js'
import { StoreModel } from './store-model.js'
import { StoreServer } from './store-server.js'
import { TaskLedger } from './task-ledger.js'
import { Timeline } from './timeline.js'
import { Upgrades } from './upgrades.js'
import { Violation } from './violation.js'
import type { WatchedWorld } from './watched-world.js'

const LOG_LINES = 4000

/** A whole cluster in one process: what is in it, and the time it runs in. */
export class World implements NodeWorld, WatchedWorld {
  readonly cluster = 'sim'
  readonly key = Buffer.alloc(32, 7)
  readonly seed: number
  readonly shape: Shape
  readonly rates: Rates
  readonly random: Random
  readonly timeline = new Timeline()
  readonly network: Network
  readonly store: StoreServer
  readonly locks: readonly LockServer[]
  readonly history: History
  readonly checks: Checks
  readonly masters: MasterNode[] = []
  readonly workers: WorkerNode[] = []
  readonly submitters: SubmitterNode[] = []
  readonly applications: ApplicationNode[] = []
  readonly appliers = new Appliers(this)
  readonly tasks: TaskLedger
  readonly upgrades = new Upgrades(this)
  readonly running = new Set<SimChild>()
  /** Workers, by name, on which nothing can be started, or whose executors end at once. */
  readonly bad = new Map<string, { readonly how: 'start' | 'exit' | 'port'; readonly sinceMs: number }>()
  readonly masterAddresses: readonly string[]
  readonly masterConfig: ClusterConfig
  readonly linkDeadMs: number
  readonly log: string[] = []
  /** Messages that were rejected at a boundary. Only garbage may be. */
  rejectedMessages = 0
  /** A fault occurred that may make a healthy Worker look dead. */
  disturbed = false
  /** Sends what it must not send; only if messages are checked by the schemas. */
  readonly stranger: Stranger | undefined
  /** Sends well-formed lies. */
  readonly liar: Liar
  events = 0
  afterEvent: () => void = () => {}
  #touched: Place | undefined
  readonly #touchedToo = new Set<Place>()
  #violation: Violation | undefined

  constructor(seed: number, shape: Shape, rates: Rates) {
    const random = new Random(seed)
    this.seed = seed
    this.shape = shape
    this.rates = rates
    this.random = random
    this.network = new Network({ timeline: this.timeline, random: random.fork(), cluster: this.cluster })
    this.network.onUnreadable = (place, error) => this.defect(`${place.name} cannot read a frame`, error)
    this.network.meanDelayMs = shape.meanDelayMs
    this.history = new History(this)
    const model = new StoreModel({ cluster: this.cluster, pageRecords: 64 })
    this.checks = new Checks(this, model, (violation) => this.note(violation))
    this.tasks = new TaskLedger(this.checks.fail)
    this.store = new StoreServer('redis', this.machine('10.0.9.1'), model, this.network, random.fork())
    const { storeLosesTail: storeLosesWrites, storeOtherBranch, controlPlaneLost } = rates.weights
    this.store.falls = storeLosesWrites + storeOtherBranch + controlPlaneLost > 0
    this.store.lostAnswers = rates.lostAnswers
    this.store.lateCopies = rates.lateCopies
    this.locks = Array.from(
      { length: shape.lockServers },
      (_, n) => new LockServer(`lock${n + 1}`, this.machine(`10.0.9.${n + 10}`), this.network),
    )
    this.stranger = shape.validates ? new Stranger(this) : undefined
    this.liar = new Liar(this)
    this.linkDeadMs = Math.max(limits.linkDeadMs, 2 * shape.leaseMs)
    this.masterConfig = masterConfig(this.cluster, shape, seed)
    this.masterAddresses = Array.from({ length: shape.masters }, (_, n) => `firesteel://10.0.1.${n + 1}:7077`)
    for (let n = 1; n <= shape.masters; n++) this.masters.push(new MasterNode(this, `m${n}`, `10.0.1.${n}`))
    if (rates.weights.upgradeMaster > 0) this.upgrades.begin()
    for (let n = 1; n <= shape.workers; n++) this.workers.push(new WorkerNode(this, `w${n}`, `10.0.2.${n}`))
    for (let n = 1; n <= shape.submitters; n++)
      this.submitters.push(new SubmitterNode(this, `c${n}`, `10.0.3.${n}`))
    for (let n = 1; n <= shape.applications; n++)
      this.applications.push(new ApplicationNode(this, `a${n}`, `10.0.4.${n}`))
  }

  get leaseMs(): number {
    return this.shape.leaseMs
  }

  machine(host: string): Machine {
    const rate = 1 + this.random.between(-0.01, 0.01)
    return new Machine(this.timeline, host, { rate, bootMs: this.random.between(1e6, 1e8) })
  }

  incarnation(name: string): string {
    return `${name}-${this.random.hex(16)}`
  }

  check(receiver: Receiver): GatewayOptions['check'] {
    return this.shape.validates
      ? (message) => checked(receiver, message)
      : (message) => ({ message: message as Message })
  }

  rejected(place: Place, peer: PeerIdentity, reason: string): void {
    this.rejectedMessages++
    this.tell(place.name, `dropped a message of ${peer.incarnation}: ${reason}`)
    if (!this.stranger)
      this.checks.fail('S6', `${place.name} dropped a message of ${peer.incarnation}: ${reason}`)
  }

  /** An actor of the shipped code threw. */
  defect(text: string, error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.note(new Violation('defect', `${text}: ${stack}`))
  }

  note(violation: Violation): void {
    this.#violation ??= violation
  }

  tell(who: string, text: string, fields?: object): void {
    const at = this.timeline.nowMs.toFixed(2).padStart(11)
    this.log.push(`${at} ${who.padEnd(6)} ${text}${fields ? ` ${JSON.stringify(fields)}` : ''}`)
    if (this.log.length > 2 * LOG_LINES) this.log.splice(0, LOG_LINES)
  }

  /** Adds the message sequence to the log. */
  tellMessages(): void {
    this.network.onArrival = (from, to, envelope) => {
      const { message, epoch, seq, ask, answer } = envelope as WireEnvelope
      const kind = ask !== undefined ? ' ?' : answer !== undefined ? ' !' : ''
      this.tell(to.name, `<- ${from.name} ${message.type}${kind} (${epoch}:${seq ?? '-'})`)
    }
  }

  logOf(name: string): Log {
    const say = (level: string) => (text: string, fields?: LogFields) =>
      this.tell(name, level === 'info' ? text : `${level}: ${text}`, fields)
    const log: Log = {
      error: say('error'),
      warn: say('warn'),
      info: say('info'),
      debug: () => undefined,
      isEnabled: () => false,
      child: () => log,
    }
    return log
  }

  childStarted(child: SimChild): void {
    this.running.add(child)
    this.checks.work.childStarted(child)
    this.checks.deployments.childStarted(child)
    this.checks.restarts.childStarted(child)
  }

  childEnded(child: SimChild, exitCode: number | null): void {
    this.running.delete(child)
    this.history.childEnded(child, exitCode)
  }

  readonly touched = (place: Place): void => {
    if (this.#touched === undefined || this.#touched === place) this.#touched = place
    else this.#touchedToo.add(place)
  }

  /** Runs everything until this time of the timeline, or until `isEnough`. Throws the first Violation. */
  async runUntil(untilMs: number, isEnough: () => boolean = never): Promise<void> {
    while (!isEnough()) {
      const run = this.timeline.next(untilMs)
      if (run === undefined) return
      run()
      this.events++
      const touched = this.#touched
      if (touched !== undefined) {
        this.#touched = undefined
        await settled(touched)
        if (this.#touchedToo.size > 0) await this.#settleOthers()
      }
      this.checks.afterEvent()
      this.afterEvent()
      if (this.#violation) throw this.#violation
    }
  }

  async #settleOthers(): Promise<void> {
    const others = [...this.#touchedToo]
    this.#touchedToo.clear()
    for (const other of others) await settled(other)
  }
}

const never = (): boolean => false

/** Everything that the event caused in this process has happened. */
const settled = ({ settle }: Place): Promise<void> => (settle ? settle() : twoTurns())

/** A turn of its actor, and of the actor that that one woke. */
const twoTurns = (): Promise<void> => new Promise((resolve) => setImmediate(setImmediate, resolve))

/** So small that the little data here takes many turns. */
const tinySlices: Slices = {
  endingEffects: 1,
  recoveryRecords: 1,
  recoveryRecordBytes: 1,
  lostWriteRecords: 1,
  lostWriteRecordBytes: 1,
  lostWriteWindow: 64,
  lostWriteLooks: 2,
  lostWriteAheadBytes: 1000,
  releaseEffects: 1,
  releaseMs: 5,
  executorLooks: 1,
  removedPerSweep: 1,
  killsPerStep: 1,
}

function masterConfig(cluster: string, shape: Shape, seed: number): ClusterConfig {
  return {
    cluster,
    web: null,
    rest: null,
    leaseMs: shape.leaseMs,
    spreadOut: true,
    defaultCores: undefined,
    maxExecutorRetries: 10,
    workerTimeoutMs: shape.workerTimeoutMs,
    orphanGraceMs: 0,
    relaunchOnRefused: true,
    ...fixedMasterConfig,
    ...(seed % 2 === 0 && { slices: tinySlices }),
    // Small, so that its edge is reached often.
    executorIdBlock: 3,
    recordBudgetBytes: 64 * 1024 * 1024,
  }
}
