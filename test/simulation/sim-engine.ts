import type { Presence } from '../../actors/election/leader-lock.js'
import { FiresteelError } from '../../runtime/errors.js'
import type {
  CommitOutcome,
  CommitRequest,
  ElectOutcome,
  ElectRequest,
  Fence,
  LeaderRecord,
  Page,
  PersistenceEngine,
  Quarantined,
  Table,
} from '../../runtime/persistence/engine.js'
import type { Place } from './place.js'
import type { StoreModel } from './store-model.js'
import type { StoreServer } from './store-server.js'

const RECONNECT_MS = 100
const confirming: ReadonlySet<string> = new Set(['ok', 'duplicate', 'elected'])
const noAnswer = { kind: 'unknown', reason: 'no answer in time' } as const

/** The connection of one Master process to the data store: every call ends within `timeoutMs`. */
export class SimEngine implements PersistenceEngine {
  readonly #place: Place
  readonly #server: StoreServer
  readonly #timeoutMs: number
  #isSilent = false
  /** Sending time of the last write that was confirmed, for the checks. */
  confirmedAtMs = Number.NEGATIVE_INFINITY

  constructor(place: Place, server: StoreServer, timeoutMs: number) {
    this.#place = place
    this.#server = server
    this.#timeoutMs = timeoutMs
  }

  /** As `RedisConnection`: the last request was answered. */
  reachable(): boolean {
    return !this.#isSilent
  }

  leader(): Promise<LeaderRecord | undefined> {
    return this.#reading((model) => model.leader())
  }

  elect(request: ElectRequest): Promise<ElectOutcome> {
    return this.#writing((model, nowMs) => model.elect(request, nowMs))
  }

  read(fence: Fence, writeId: string | undefined, table: Table, cursor: string | undefined): Promise<Page> {
    return this.#reading((model) => model.read(fence, writeId, table, cursor))
  }

  touch(fence: Fence, lock: string, prev?: string): Promise<CommitOutcome> {
    return this.#writing((model, nowMs) => model.touch(fence, lock, prev, nowMs))
  }

  commit(fence: Fence, request: CommitRequest): Promise<CommitOutcome> {
    return this.#writing((model, nowMs) => model.commit(fence, request, nowMs))
  }

  async leave(fence: Fence): Promise<void> {
    await this.#ask((model) => model.leave(fence))
  }

  quarantined(): Promise<readonly Quarantined[]> {
    return Promise.resolve([])
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #reading<T>(work: (model: StoreModel, nowMs: number) => T): Promise<T> {
    const answered = await this.#ask(work)
    if (answered === undefined) throw new FiresteelError('STORE_UNAVAILABLE', 'the store does not answer')
    return answered.answer
  }

  async #writing<T>(work: (model: StoreModel, nowMs: number) => T): Promise<T | typeof noAnswer> {
    const sentAtMs = this.#place.monotonicMs()
    const answer = (await this.#ask(work))?.answer
    if (answer === undefined) return noAnswer
    if (confirming.has((answer as { kind: string }).kind))
      this.confirmedAtMs = Math.max(this.confirmedAtMs, sentAtMs)
    return answer
  }

  async #ask<T>(work: (model: StoreModel, nowMs: number) => T) {
    const answered = await this.#server.ask(this.#place, this.#timeoutMs, work)
    this.#isSilent = answered === undefined
    return answered
  }
}

/**
 * Which owners are connected to the store. A connection ends with its process, if the network reports that.
 */
export class SimPresence implements Presence {
  readonly #place: Place
  readonly #server: StoreServer
  readonly #timeoutMs: number
  readonly #joined = new Set<string>()

  constructor(place: Place, server: StoreServer, timeoutMs: number, isTold: () => boolean) {
    this.#place = place
    this.#server = server
    this.#timeoutMs = timeoutMs
    place.onDeath(() => {
      if (!isTold()) return
      for (const owner of this.#joined) this.#server.presence.get(owner)?.delete(place)
    })
    server.onReconnected(() => {
      for (const owner of this.#joined) void this.join(owner)
    })
  }

  /** Like the real one: resolves once others count us, which may take as long as the store is away. */
  async join(owner: string): Promise<void> {
    this.#joined.add(owner)
    while (this.#joined.has(owner) && !(await this.#subscribe(owner))) {
      await new Promise<void>((resolve) => this.#place.after(RECONNECT_MS, resolve))
    }
  }

  #subscribe(owner: string): Promise<boolean> {
    return this.#ask(() => {
      const places = this.#server.presence.get(owner) ?? new Set<Place>()
      if (this.#place.alive && this.#joined.has(owner))
        this.#server.presence.set(owner, places.add(this.#place))
      return true
    }).catch(() => false)
  }

  async leave(owner: string): Promise<void> {
    this.#joined.delete(owner)
    await this.#ask(() => void this.#server.presence.get(owner)?.delete(this.#place)).catch(() => {})
  }

  count(owner: string): Promise<number> {
    return this.#ask(() => this.#server.presence.get(owner)?.size ?? 0)
  }

  async #ask<T>(work: () => T): Promise<T> {
    const answered = await this.#server.ask(this.#place, this.#timeoutMs, work)
    if (answered === undefined) throw new FiresteelError('STORE_UNAVAILABLE', 'the store does not answer')
    return answered.answer
  }
}
