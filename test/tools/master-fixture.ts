import assert from 'node:assert/strict'
import type { PeerInfo } from '../../actors/master/cluster-state.js'
import { fixedMasterConfig, type MasterConfig } from '../../actors/master/master-config.js'
import { MasterCore } from '../../actors/master/master-core.js'
import type { MasterInput } from '../../actors/master/master-input.js'
import { keyOfTimer, type MasterTimer } from '../../actors/master/master-timer.js'
import type { RecordTable, StoredRecords } from '../../actors/master/records.js'
import type { Outgoing, ReplyToken, Step } from '../../actors/master/step.js'
import type { ClientMessage, MasterMessage } from '../../actors/messages/catalogue.js'
import type { ApplicationDescription, DriverDescription, Position } from '../../actors/messages/common.js'
import type { AgentMessage } from '../../actors/messages/election.js'
import { applicationDescription, driverDescription, workerOffer } from '../../actors/messages/samples.js'
import type { RegisterWorker } from '../../actors/messages/workers.js'
import { limits } from '../../runtime/limits.js'
import { replayingRecorder } from './replaying-sink.js'

export const noRecords: StoredRecords = {
  deployments: [],
  tokens: [],
  drains: [],
  workers: [],
  apps: [],
  drivers: [],
  ended: [],
  keys: [],
}

export const masterConfig: MasterConfig = {
  cluster: 'test',
  address: 'firesteel://127.0.0.1:7070',
  web: null,
  rest: null,
  masters: ['firesteel://127.0.0.1:7070'],
  leaseMs: limits.leaseMs,
  spreadOut: true,
  defaultCores: undefined,
  maxExecutorRetries: limits.maxExecutorRetries,
  workerTimeoutMs: limits.workerTimeoutMs,
  orphanGraceMs: 0,
  relaunchOnRefused: true,
  ...fixedMasterConfig,
  recordBudgetBytes: 64 * 1024 * 1024,
}

type Told = Outgoing
export type ToldOf<T extends Told['type']> = Extract<Told, { type: T }>

/** A Master core on virtual time with a store that remembers: what it wrote and what it said. */
export class MasterWorld {
  nowMs = 0
  core: MasterCore
  readonly config: MasterConfig
  readonly store = new Map<RecordTable, Map<string, object>>()
  /** When they fire, by their keys. */
  readonly timers = new Map<string, number>()
  readonly #timers = new Map<string, MasterTimer>()
  readonly told: { to: string; message: Told }[] = []
  readonly replies = new Map<ReplyToken, ClientMessage>()
  readonly probes: string[] = []
  readonly lost: string[] = []
  /** Why it hands over, once for each time. */
  readonly handOvers: string[] = []
  readonly agent: AgentMessage[] = []
  /** How long each recovery of this leader took. */
  readonly recoveriesMs: unknown[] = []
  /** The last step but those of the end of a turn. */
  lastStep: Step | undefined
  degradation: 'STORE_FULL' | 'STORE_UNAVAILABLE' | undefined
  /** The records take as much of the heap as they may. */
  isFull = false
  #position: Position = { epoch: 0, seq: 0 }

  readonly #isReplayed: boolean
  /** What a replay did otherwise. It is thrown here, because the recorder catches what its sink throws. */
  #difference: string | undefined

  /**
   * `isReplayed` false: the test changes the cluster state past the core, which no replay could know, or it
   * gives the core very many inputs.
   */
  constructor(config: Partial<MasterConfig> = {}, { isReplayed = true } = {}) {
    this.config = { ...masterConfig, ...config }
    this.#isReplayed = isReplayed
    this.core = this.#newCore()
  }

  /** Each test of a core is one of its recording as well: what it decides is replayed from saved states. */
  #newCore(): MasterCore {
    if (!this.#isReplayed) return new MasterCore(this.config)
    const clock = { wallMs: () => 0 }
    const fail = (text: string): void => {
      this.#difference = text
    }
    return replayingRecorder({ inputsPerSegment: 2, clock, fail }).newCore(this.config, 'm1')
  }

  /** A fresh Master over the same store: what a failover leaves. */
  failover(): this {
    this.core = this.#newCore()
    this.timers.clear()
    this.told.length = 0
    this.recoveriesMs.length = 0
    return this
  }

  elect(records: StoredRecords = this.stored()): this {
    const base = this.#position
    this.#position = { epoch: base.epoch + 1, seq: base.seq }
    this.input({
      kind: 'elected',
      epoch: this.#position.epoch,
      owner: 'm1',
      base,
      earlier: [],
      observed: base,
      format: 1,
    })
    return this.restore(records)
  }

  restore(records: StoredRecords): this {
    this.input({ kind: 'records', records })
    this.input({ kind: 'restored' })
    return this
  }

  stored(): StoredRecords {
    const all = (table: RecordTable) => [...(this.store.get(table)?.values() ?? [])] as never[]
    const keys = [...(this.store.get('key') ?? [])] as never[]
    return {
      ...noRecords,
      deployments: all('deployment'),
      tokens: all('token'),
      drains: all('drain'),
      workers: all('worker'),
      apps: all('app'),
      drivers: all('driver'),
      ended: all('ended'),
      keys,
    }
  }

  get position(): Position {
    return this.#position
  }

  input(input: MasterInput): Step {
    const now = { monotonicMs: this.nowMs, wallMs: 1_700_000_000_000 + this.nowMs }
    const commitQueue = { position: this.#position, degradation: this.degradation, isFull: this.isFull }
    const step = this.core.step(input, now, commitQueue)
    if (this.#difference) assert.fail(this.#difference)
    if (step.puts.length + step.deletes.length > 0) {
      this.#position = { ...this.#position, seq: this.#position.seq + 1 }
    }
    for (const { table, id, value } of step.puts) {
      const row = structuredClone(value)
      // A key that is undefined is gone after a failover, so that the same record would be written otherwise.
      assert.deepEqual(row, JSON.parse(JSON.stringify(row)), `the record ${table} ${id} is as its JSON`)
      const rows = this.store.get(table) ?? new Map<string, object>()
      rows.set(id, row)
      this.store.set(table, rows)
    }
    for (const { table, id } of step.deletes) this.store.get(table)?.delete(id)
    if (input.kind !== 'turnEnd') this.lastStep = step
    for (const effect of [...step.free, ...step.gated]) {
      if (effect.kind === 'tell' || effect.kind === 'tellNow') this.told.push(effect)
      else if (effect.kind === 'reply' || effect.kind === 'replyNow') {
        this.replies.set(effect.reply, effect.message)
      } else if (effect.kind === 'startTimer') this.#startTimer(effect.timer, effect.ms)
      else if (effect.kind === 'cancelTimer') this.timers.delete(keyOfTimer(effect.timer))
      else if (effect.kind === 'probe') this.probes.push(effect.workerId)
      else if (effect.kind === 'lost') this.lost.push(effect.reason)
      else if (effect.kind === 'handOver') this.handOvers.push(effect.reason)
      else if (effect.kind === 'tellAgent') this.agent.push(effect.message)
      else if (effect.kind === 'log' && effect.text.includes('New state: ALIVE'))
        this.recoveriesMs.push(effect.fields?.recoveredMs)
    }
    if (input.kind !== 'turnEnd') this.input({ kind: 'turnEnd' })
    return step
  }

  #startTimer(timer: MasterTimer, ms: number): void {
    const key = keyOfTimer(timer)
    this.timers.set(key, this.nowMs + ms)
    this.#timers.set(key, timer)
  }

  /** Virtual time goes on; timers fire in order. */
  advance(ms: number): this {
    const until = this.nowMs + ms
    for (;;) {
      const [next] = [...this.timers].sort(([, a], [, b]) => a - b)
      if (!next || next[1] > until) break
      this.timers.delete(next[0])
      this.nowMs = Math.max(this.nowMs, next[1])
      this.input({ kind: 'timer', timer: this.#timers.get(next[0])! })
    }
    this.nowMs = until
    return this
  }

  link(incarnation: string, role: PeerInfo['role'] = 'node', subject?: string, host = '10.0.0.9'): void {
    const peer = { incarnation, role, host, ...(subject !== undefined && { subject }) }
    this.input({ kind: 'linkUp', peer })
  }

  unlink(incarnation: string): void {
    this.input({ kind: 'linkDown', incarnation, closedByKernel: true })
  }

  tell(from: string, message: MasterMessage, reply?: ReplyToken): void {
    this.input({ kind: 'message', from, message, reply })
  }

  ask(from: string, message: MasterMessage): ClientMessage | undefined {
    const token = Symbol('ask')
    this.tell(from, message, token)
    return this.replies.get(token)
  }

  /** A Worker registers and reports that it runs nothing. */
  worker(id: string, parts: Partial<Omit<RegisterWorker, 'type' | 'id' | 'name'>> = {}): void {
    this.link(id)
    this.registerWorker(id, parts)
    this.report(id)
  }

  registerWorker(
    id: string,
    { from = id, ...parts }: Partial<Omit<RegisterWorker, 'type' | 'id' | 'name'>> & { from?: string } = {},
  ): void {
    this.tell(from, {
      type: 'RegisterWorker',
      id,
      ...workerOffer,
      name: id,
      ...parts,
    })
  }

  report(
    id: string,
    parts: Partial<Omit<Extract<MasterMessage, { type: 'WorkerLatestState' }>, 'type' | 'id'>> = {},
  ): void {
    this.tell(id, { type: 'WorkerLatestState', id, executors: [], drivers: [], ...parts })
  }

  application(endpoint: string, parts: Partial<ApplicationDescription> = {}, token?: string): string {
    this.link(endpoint, 'client', token)
    this.tell(endpoint, {
      type: 'RegisterApplication',
      registration: `reg-${endpoint}`,
      description: { ...applicationDescription, ...parts },
      listen: { port: 5000 },
    })
    return this.lastTold(endpoint, 'RegisteredApplication')!.appId
  }

  submit(parts: Partial<DriverDescription> = {}, key = `key-${Math.random()}`): ClientMessage | undefined {
    this.link('cli', 'client')
    return this.ask('cli', {
      type: 'RequestSubmitDriver',
      key,
      description: { ...driverDescription, ...parts },
    })
  }

  submitted(parts: Partial<DriverDescription> = {}): string {
    const answer = this.submit(parts)
    if (answer?.type !== 'SubmitDriverResponse') throw new Error(`not submitted: ${JSON.stringify(answer)}`)
    return answer.driverId
  }

  toldTo<T extends Told['type']>(to: string, type: T): ToldOf<T>[] {
    return this.told.flatMap((entry) =>
      entry.to === to && entry.message.type === type ? [entry.message as ToldOf<T>] : [],
    )
  }

  lastTold<T extends Told['type']>(to: string, type: T): ToldOf<T> | undefined {
    return this.toldTo(to, type).at(-1)
  }

  forgetTold(): void {
    this.told.length = 0
  }

  snapshot() {
    const commitQueue = { position: this.#position, degradation: this.degradation }
    return this.core.snapshot(commitQueue, { monotonicMs: this.nowMs, wallMs: 0 })
  }
}
