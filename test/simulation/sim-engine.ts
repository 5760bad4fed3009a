import type { Presence } from '../../actors/election/leader-lock.js'
import { FiresteelError } from '../../runtime/errors.js'
import {
  type CommitOutcome,
  type CommitRequest,
  type ElectOutcome,
  type ElectRequest,
  type Fence,
  type LeaderRecord,
  type Page,
  type PersistenceEngine,
  type Quarantined,
  type RecordSchemas,
  type Table,
  tables,
} from '../../runtime/persistence/engine.js'
import { clusterKeys } from '../../runtime/persistence/redis/keys.js'
import { RecordPages } from '../../runtime/persistence/redis/record-pages.js'
import { isWithin } from '../../runtime/version-range.js'
import type { KnownFormats } from './format-watch.js'
import type { Place } from './place.js'
import type { Watchers } from './sim-world.js'
import type { StoreModel } from './store-model.js'
import { StoreScripts, sealOf } from './store-scripts.js'
import type { StoreServer } from './store-server.js'

const RECONNECT_MS = 100
/** So few that the records here need several pages. */
const PAGE_RECORDS = 16
const confirming: ReadonlySet<string> = new Set(['ok', 'duplicate', 'elected'])
const noAnswer = { kind: 'unknown', reason: 'no answer in time' } as const

/** As in the model, every JSON object is a record. */
const anyRecord = (): undefined => undefined
const schemas = Object.fromEntries(tables.map((table) => [table, anyRecord])) as unknown as RecordSchemas

export interface SimEngineOptions {
  readonly place: Place
  readonly server: StoreServer
  readonly timeoutMs: number
  readonly cluster: string
  readonly known: KnownFormats
  readonly checks: Pick<Watchers, 'formats' | 'reads'>
}

/**
 * The connection of one Master process to the data store: every call ends within `timeoutMs`. Once it has
 * read ahead, the shipped code reads: it knows what has not changed.
 */
export class SimEngine implements PersistenceEngine {
  readonly #place: Place
  readonly #server: StoreServer
  readonly #timeoutMs: number
  readonly #cluster: string
  readonly #known: KnownFormats
  readonly #checks: SimEngineOptions['checks']
  #pages: RecordPages | undefined
  #isSilent = false
  /** Sending time of the last write that was confirmed, for the checks. */
  confirmedAtMs = Number.NEGATIVE_INFINITY

  constructor({ place, server, timeoutMs, cluster, known, checks }: SimEngineOptions) {
    this.#place = place
    this.#server = server
    this.#timeoutMs = timeoutMs
    this.#cluster = cluster
    this.#known = known
    this.#checks = checks
  }

  /** As `RedisConnection`: the last request was answered. */
  reachable(): boolean {
    return !this.#isSilent
  }

  async leader(): Promise<LeaderRecord | undefined> {
    const record = await this.#reading((model) => model.leader())
    this.#holds(record?.format)
    return record
  }

  async elect(request: ElectRequest): Promise<ElectOutcome> {
    this.#checks.formats.asks(request, this.#known)
    const outcome = await this.#writing((model, nowMs) => model.elect(request, nowMs))
    if (outcome.kind === 'elected') this.#holds(request.format)
    return outcome
  }

  async read(
    fence: Fence,
    writeId: string | undefined,
    table: Table,
    cursor: string | undefined,
  ): Promise<Page> {
    if (!this.#pages) return this.#reading((model) => model.read(fence, writeId, table, cursor))
    const page = await this.#pages.page(fence, writeId ?? '', table, cursor)
    if (writeId !== undefined) this.#checks.reads.given(fence, writeId, table, cursor, page)
    return page
  }

  readAhead(fence: Fence, among: readonly Table[]): Promise<void> {
    this.#pages ??= new RecordPages({
      connection: new StoreScripts((work) => this.#reading(work), this.#cluster),
      keys: clusterKeys(this.#cluster),
      schemas,
      seal: sealOf(this.#cluster),
      pageRecords: PAGE_RECORDS,
      wallMs: this.#place.wallMs,
      timers: this.#place,
      onWarning: (place, reason) => {
        throw new Error(`${place}: ${reason}`)
      },
    })
    return this.#pages.readAhead(fence, among)
  }

  touch(fence: Fence, lock: string, prev?: string): Promise<CommitOutcome> {
    return this.#writing((model, nowMs) => model.touch(fence, lock, prev, nowMs))
  }

  async commit(fence: Fence, request: CommitRequest): Promise<CommitOutcome> {
    const outcome = await this.#writing((model, nowMs) => model.commit(fence, request, nowMs))
    if (confirming.has(outcome.kind)) this.#holds(request.format)
    return outcome
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

  /** The store has this format; undefined: it has said nothing of one. */
  #holds(format: number | undefined): void {
    if (format !== undefined && isWithin(this.#known.formats, format)) this.#known.stored = format
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
