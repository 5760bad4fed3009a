import { formatHostPort } from '../../runtime/addresses.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { CodePlace, WorkerState } from '../messages/common.js'
import type { RegisterWorker } from '../messages/workers.js'
import { HeldAddresses } from './held-addresses.js'
import type { DrainRecord, WorkerRecord } from './records.js'
import { type Holding, namesIn, usedAddresses } from './resources.js'

/** Names a holding on a Worker: `driver-.../GENERATION` or `app-.../EXECID`. */
export type HoldingKey = string
export const driverHolding = (driverId: string, generation: number): HoldingKey => `${driverId}/${generation}`
export const executorHolding = (appId: string, execId: number): HoldingKey => `${appId}/${execId}`

/** A Worker as a record of its Master has it. */
export interface SavedWorker
  extends Pick<
    WorkerEntry,
    | 'record'
    | 'state'
    | 'answered'
    | 'isTimeoutUnsaid'
    | 'linked'
    | 'isOverfull'
    | 'lastHeartbeatMs'
    | 'lastHeartbeatWallMs'
    | 'diedAtMs'
    | 'diedAtWallMs'
    | 'diedOf'
    | 'lostBecause'
    | 'replaced'
    | 'stopping'
    | 'probes'
    | 'restartNotedAtMs'
    | 'restartAsked'
  > {
  readonly reporting: readonly HoldingKey[] | undefined
  readonly code: { readonly place: CodePlace | undefined; readonly held: readonly string[] } | undefined
  /** In the order of the entry. */
  readonly holdings: readonly (readonly [HoldingKey, Holding])[]
}

/** What is shown of a DEAD Worker, and who may come back as it. */
function remainsOf({ labels, resources, ...rest }: WorkerRecord): WorkerRecord {
  const { id, name, host, port, cores, memoryMib, web, confinement, draining, join } = rest
  const isSmall = Buffer.byteLength(JSON.stringify({ labels, resources })) <= innerLimits.deadWorkerBytes
  return {
    ...{ id, name, host, port, cores, memoryMib, web, draining },
    ...(confinement && { confinement }),
    ...(join !== undefined && { join }),
    ...(isSmall ? { labels, resources } : { labels: {}, resources: {} }),
  }
}

/**
 * A Worker in the Master's cluster state (Spark's WorkerInfo). Its sums derive from its holdings (protocol
 * S4).
 */
export class WorkerEntry {
  readonly id: string
  record: WorkerRecord
  state: WorkerState
  /** True: it has reported under this leadership. Only then may it be given work (protocol 11.4). */
  answered = false
  /** Its silence about its workerTimeout was logged. */
  isTimeoutUnsaid = false
  linked = false
  /** It reported more than it can have. Nothing more of its report counts, until it has another link. */
  isOverfull = false
  /** What the first messages of an unfinished report have named. */
  reporting: Set<HoldingKey> | undefined
  /** Whose files it sees, and the codes that it has; undefined: it has not said yet. */
  code: { readonly place: CodePlace | undefined; readonly held: Set<string> } | undefined
  lastHeartbeatMs: number
  lastHeartbeatWallMs: number
  diedAtMs: number | undefined
  /** `silence`: it may live, and only this Master does not hear it. */
  diedOf: 'silence' | undefined
  /** The same for people. */
  diedAtWallMs: number | undefined
  /** Why it counts as dead. */
  lostBecause: string | undefined
  /** Incarnations that it replaced at its address while they counted as alive, newest first. */
  replaced: readonly string[] = []
  /** True: it reported that it is being stopped. It takes no more work, and this does not change. */
  stopping = false
  /** Set: it takes no new work, and what it has is to leave (protocol 8.7). */
  drain: DrainRecord | undefined
  /** When this Master heard that it restarts. */
  restartNotedAtMs: number | undefined
  /** It was told to restart, and has neither begun nor come back; `refused` is why it does not. */
  restartAsked: { readonly request: string; readonly refused?: string } | undefined
  /** The number of the present probe. */
  probes = 0
  readonly #holdings = new Map<HoldingKey, Holding>()
  readonly #addresses = new HeldAddresses()
  #coresUsed = 0
  #memoryUsedMib = 0
  #namesHeld = 0

  constructor(record: WorkerRecord, state: WorkerState, nowMs: number, wallMs: number) {
    this.id = record.id
    this.record = record
    this.state = state
    this.lastHeartbeatMs = nowMs
    this.lastHeartbeatWallMs = wallMs
  }

  /** What is left of it is for people, and there may be many. */
  die(): void {
    this.state = 'DEAD'
    this.linked = false
    this.reporting = undefined
    this.restartAsked = undefined
    this.record = remainsOf(this.record)
  }

  static recordOf(message: RegisterWorker, join?: string): WorkerRecord {
    const { type: _, workerTimeoutMs: __, orphanGraceMs: ___, ...fields } = message
    return { ...fields, draining: false, ...(join !== undefined && { join }) }
  }

  static load(saved: SavedWorker): WorkerEntry {
    const { record, state, lastHeartbeatMs, lastHeartbeatWallMs, reporting, holdings, code, ...fields } =
      saved
    const worker = new WorkerEntry(record, state, lastHeartbeatMs, lastHeartbeatWallMs)
    Object.assign(worker, fields)
    worker.reporting = reporting && new Set(reporting)
    worker.code = code && { place: code.place, held: new Set(code.held) }
    for (const [key, holding] of holdings) worker.hold(key, holding)
    return worker
  }

  /** For a record of this Master. */
  save(): SavedWorker {
    const { state, answered, linked, isOverfull, reporting, lastHeartbeatMs, lastHeartbeatWallMs } = this
    const { diedAtMs, diedAtWallMs, diedOf, lostBecause, replaced, stopping, probes } = this
    const { restartNotedAtMs, restartAsked, isTimeoutUnsaid } = this
    return {
      // The record's position is stamped in place when it is written again.
      record: { ...this.record },
      state,
      answered,
      isTimeoutUnsaid,
      linked,
      isOverfull,
      reporting: reporting && [...reporting],
      code: this.code && { place: this.code.place, held: [...this.code.held] },
      lastHeartbeatMs,
      lastHeartbeatWallMs,
      diedAtMs,
      diedAtWallMs,
      diedOf,
      lostBecause,
      replaced,
      stopping,
      probes,
      restartNotedAtMs,
      restartAsked,
      holdings: [...this.#holdings].map(([key, { cores, memoryMib, resources }]) => [
        key,
        { cores, memoryMib, resources },
      ]),
    }
  }

  get address(): string {
    return formatHostPort(this.record)
  }

  /** As people see it: a living Worker that is drained is DECOMMISSIONED, which is Spark's word. */
  get shownState(): WorkerState {
    return this.drain && this.state === 'ALIVE' ? 'DECOMMISSIONED' : this.state
  }

  get schedulable(): boolean {
    return this.state === 'ALIVE' && this.answered && this.linked && this.isKept && !this.isRestarting
  }

  /** True: it has announced that it restarts, and the next process has not registered yet. */
  get isRestarting(): boolean {
    return this.record.restartMs !== undefined
  }

  /** True: it may be given work, now or once it is linked again. */
  get isKept(): boolean {
    return this.state !== 'DEAD' && this.drain === undefined && !this.stopping
  }

  /** Its whole capacity, used or not. */
  get whole() {
    const { id, cores, memoryMib, resources, labels } = this.record
    return { id, coresFree: cores, memoryFreeMib: memoryMib, resourcesFree: resources, labels }
  }

  get labels() {
    return this.record.labels
  }

  get coresUsed(): number {
    return this.#coresUsed
  }

  get memoryUsedMib(): number {
    return this.#memoryUsedMib
  }

  /** Names of resources and their addresses in all its holdings. */
  get namesHeld(): number {
    return this.#namesHeld
  }

  /** Never negative: a Worker that reports more than its capacity is simply full. */
  get coresFree(): number {
    return Math.max(0, this.record.cores - this.#coresUsed)
  }

  get memoryFreeMib(): number {
    return Math.max(0, this.record.memoryMib - this.#memoryUsedMib)
  }

  get resourcesFree() {
    return this.#addresses.freeOf(this.record.resources)
  }

  get resourcesUsed() {
    return usedAddresses(this.#holdings.values())
  }

  get idle(): boolean {
    return this.#holdings.size === 0
  }

  /** Adds a holding. The same key replaces the former one, so nothing is counted twice. */
  hold(key: HoldingKey, holding: Holding): void {
    this.release(key)
    this.#holdings.set(key, holding)
    this.#coresUsed += holding.cores
    this.#memoryUsedMib += holding.memoryMib
    this.#namesHeld += namesIn(holding.resources)
    this.#addresses.hold(holding.resources)
  }

  release(key: HoldingKey): void {
    const holding = this.#holdings.get(key)
    if (!holding) return
    this.#holdings.delete(key)
    this.#coresUsed -= holding.cores
    this.#memoryUsedMib -= holding.memoryMib
    this.#namesHeld -= namesIn(holding.resources)
    this.#addresses.release(holding.resources)
  }

  /** It is gone, with all that it held. */
  releaseAll(): void {
    this.#holdings.clear()
    this.#addresses.clear()
    this.#coresUsed = 0
    this.#memoryUsedMib = 0
    this.#namesHeld = 0
  }

  holds(key: HoldingKey): boolean {
    return this.#holdings.has(key)
  }

  get holdings(): ReadonlyMap<HoldingKey, Holding> {
    return this.#holdings
  }
}
