import { deadlineMs } from '../../actors/election/lease.js'
import { type FormatRange, ownFormats } from '../../runtime/persistence/store-format.js'
import type { Machine } from './machine.js'
import { Place } from './place.js'
import { SimApplication } from './sim-application.js'
import { SimMaster } from './sim-master.js'
import { SimSubmitter } from './sim-submitter.js'
import { type LeftWorker, SimWorker } from './sim-worker.js'
import type { SimWorld, Watchers, WorkerOffer } from './sim-world.js'

const MASTER_PORT = 7077
const WORKER_PORT = 7078
/** A launcher waits before it starts again what ends at its start. */
const REFUSED_MS = 5000

/** What a node has around it: also whom its death concerns. */
export interface NodeWorld extends SimWorld {
  readonly checks: Watchers & { readonly debts: { masterDied(process: SimMaster): void } }
}

/** A node of the cluster: a machine, and process after process on it, as a launcher starts them. */
abstract class Node<P extends { readonly place: Place }> {
  readonly name: string
  readonly machine: Machine
  readonly world: NodeWorld
  process: P | undefined
  starts = 0
  /** Its next process begins after this; undefined: as soon as its launcher starts it. */
  protected startsAfterMs: number | undefined
  #restart: (() => void) | undefined

  constructor(world: NodeWorld, name: string, host: string) {
    this.world = world
    this.name = name
    this.machine = world.machine(host)
    // Nodes do not all start at the same moment.
    world.timeline.after(world.random.between(0, 200), () => this.start())
  }

  get place(): Place | undefined {
    return this.process?.place.alive ? this.process.place : undefined
  }

  start(): void {
    this.#restart = undefined
    if (this.place) return
    this.starts++
    const place = new Place(this.name, this.machine)
    place.onTurn = this.world.touched
    place.onDeath(() => this.ended())
    this.world.touched(place)
    this.process = this.begin(place)
  }

  /** kill -9. */
  kill(): void {
    this.place?.kill()
  }

  freeze(): void {
    this.place?.freeze()
  }

  thaw(): void {
    this.place?.thaw()
  }

  /** Its launcher starts it again. */
  protected ended(): void {
    const ms = this.startsAfterMs ?? 100 + this.world.random.exponential(500)
    this.startsAfterMs = undefined
    this.#restart ??= this.world.timeline.after(ms, () => this.start())
  }

  protected abstract begin(place: Place): P
}

export class MasterNode extends Node<SimMaster> {
  #observedEpoch = 0
  /** Of a store: what the release of its next process knows. */
  formats: FormatRange = ownFormats

  get leads(): boolean {
    return this.place !== undefined && (this.process?.masterHost.leads ?? false)
  }

  /** It leads, and may act when it wakes: its deadline has not passed (protocol 6). */
  get mayAct(): boolean {
    if (!this.leads || !this.process) return false
    const { engine, place } = this.process
    return place.monotonicMs() <= deadlineMs(engine.confirmedAtMs, this.world.leaseMs)
  }

  /** A person stops it, and its launcher starts the other release. */
  changeTo(formats: FormatRange): void {
    this.formats = formats
    if (this.place) void this.process?.stop()
  }

  protected begin(place: Place): SimMaster {
    return new SimMaster(this.world, place, MASTER_PORT, {
      observedEpoch: this.#observedEpoch,
      formats: this.formats,
      onEpoch: (epoch) => {
        this.#observedEpoch = Math.max(this.#observedEpoch, epoch)
      },
    })
  }

  protected override ended(): void {
    if (this.process) this.world.checks.debts.masterDied(this.process)
    if (this.process?.isRefused) this.startsAfterMs = REFUSED_MS
    super.ended()
  }
}

export class WorkerNode extends Node<SimWorker> {
  readonly offer: WorkerOffer
  #left: LeftWorker | undefined

  constructor(world: NodeWorld, name: string, host: string) {
    super(world, name, host)
    const { random, shape } = world
    const gpus = shape.resources ? random.int(5) : 0
    this.offer = {
      cores: 2 + random.int(7),
      memoryMib: 512 * (1 + random.int(4)),
      resources: gpus > 0 ? { gpu: Array.from({ length: gpus }, (_, n) => String(n)) } : {},
    }
  }

  /**
   * A planned restart. Its next process begins as soon as its launcher starts it, or after `awayMs`: perhaps
   * too late.
   */
  restart(awayMs?: number): void {
    this.process?.handOver((left) => {
      this.#left = left
      this.startsAfterMs = awayMs
    })
  }

  protected begin(place: Place): SimWorker {
    const left = this.#left
    this.#left = undefined
    return new SimWorker(this.world, place, WORKER_PORT, this.offer, () => this.restart(), left)
  }
}

export class SubmitterNode extends Node<SimSubmitter> {
  protected begin(place: Place): SimSubmitter {
    return new SimSubmitter(this.world, place)
  }
}

export class ApplicationNode extends Node<SimApplication> {
  protected begin(place: Place): SimApplication {
    return new SimApplication(this.world, place)
  }
}
