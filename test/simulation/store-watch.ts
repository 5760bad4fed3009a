import type {
  CommitRequest,
  ElectRequest,
  Fence,
  LeaderRecord,
  Table,
} from '../../runtime/persistence/engine.js'
import { FORGED_EPOCH } from './garbage.js'
import type { StoreModel } from './store-model.js'
import type { Fail } from './violation.js'

interface Shadow {
  readonly epoch: number
  readonly owner: string
  readonly seq: number
  readonly writeId: string
}

const nothing: Shadow = { epoch: 0, owner: '', seq: 0, writeId: '' }

export interface StoreEvents {
  readonly fail: Fail
  /** Another Master leads by this write. */
  elected(owner: string, writeId: string): void
  /** A leader gave up this Worker, durably. */
  workerRemoved(id: string): void
  /** A leader has written this. */
  committed(fence: Fence, request: CommitRequest): void
  /** The store holds something new. */
  changed(): void
}

/**
 * S1, S2 at the store: an accepted write must come from the last elected leader, and follow what the store
 * holds.
 */
export class StoreWatch {
  readonly #fail: Fail
  readonly #events: StoreEvents
  /** The fence that the store must hold, by its answers. */
  #shadow = nothing

  constructor(model: StoreModel, events: StoreEvents) {
    this.#fail = events.fail
    this.#events = events
    this.#watch(model)
  }

  /** It returned to an earlier state: this record, or none. */
  fell(record: LeaderRecord | undefined): void {
    this.#shadow = record
      ? { epoch: record.epoch, owner: record.owner, seq: record.position.seq, writeId: record.writeId }
      : nothing
  }

  #watch(model: StoreModel): void {
    const elect = model.elect.bind(model)
    model.elect = (request: ElectRequest, nowMs: number) => {
      const before = this.#shadow
      const outcome = elect(request, nowMs)
      if (outcome.kind === 'elected' && before.owner !== outcome.owner) {
        const { epoch, owner, writeId, base } = outcome
        if (epoch >= FORGED_EPOCH) this.#fail('S6', `${owner} was elected at ${epoch}, as a stranger said`)
        if (epoch <= before.epoch)
          this.#fail('S1', `${owner} was elected at ${epoch}, not above ${before.epoch}`)
        if (epoch <= request.observedEpoch)
          this.#fail('S1', `${owner} was elected at ${epoch} and had heard of ${request.observedEpoch}`)
        const seen = request.seen ?? { epoch: 0, owner: '' }
        if (seen.epoch !== before.epoch || seen.owner !== before.owner)
          this.#fail('S1', `${owner} was elected, and ${before.owner} had been meanwhile`)
        this.#shadow = { epoch, owner, writeId, seq: base.seq }
        this.#events.elected(owner, writeId)
        this.#events.changed()
      }
      return outcome
    }
    const commit = model.commit.bind(model)
    model.commit = (fence: Fence, request: CommitRequest, nowMs: number) => {
      const outcome = commit(fence, request, nowMs)
      if (outcome.kind === 'ok') this.#committed(fence, request)
      return outcome
    }
    const read = model.read.bind(model)
    model.read = (fence: Fence, writeId: string | undefined, table: Table, cursor: string | undefined) => {
      const page = read(fence, writeId, table, cursor)
      if (page.kind === 'page') this.#given(fence, writeId)
      return page
    }
    const scan = model.scan.bind(model)
    model.scan = (...question) => {
      const page = scan(...question)
      if (page) this.#given(question[0], question[1])
      return page
    }
    const fields = model.fields.bind(model)
    model.fields = (...question) => {
      const found = fields(...question)
      if (found) this.#given(question[0], question[1])
      return found
    }
    const touch = model.touch.bind(model)
    model.touch = (fence: Fence, lock: string, prev: string | undefined, nowMs: number) => {
      const outcome = touch(fence, lock, prev, nowMs)
      const { epoch, owner, writeId } = this.#shadow
      if (outcome.kind === 'ok' && (fence.epoch !== epoch || fence.owner !== owner))
        this.#fail('S1', `a touch of ${fence.owner} (${fence.epoch}) passed; ${owner} (${epoch}) leads`)
      if (outcome.kind === 'ok' && prev !== undefined && prev !== writeId)
        this.#fail('S2', `a touch of ${fence.owner} passed on a store that does not hold what it wrote`)
      return outcome
    }
  }

  #given(fence: Fence, writeId: string | undefined): void {
    const { epoch, owner, writeId: stored } = this.#shadow
    if (fence.epoch !== epoch || fence.owner !== owner)
      this.#fail('S2', `${fence.owner} (${fence.epoch}) was given a page; ${owner} (${epoch}) leads`)
    if (writeId !== undefined && writeId !== stored)
      this.#fail('S2', `${fence.owner} (${fence.epoch}) was given a page of a store that has moved on`)
  }

  #committed(fence: Fence, request: CommitRequest): void {
    const { n, prev, writeId, deletes } = request
    const { epoch, owner, seq, writeId: stored } = this.#shadow
    const who = `${fence.owner} (${fence.epoch})`
    if (fence.epoch !== epoch || fence.owner !== owner)
      this.#fail('S1', `a commit of ${who} was accepted; ${owner} (${epoch}) leads`)
    if (prev !== stored || n !== seq + 1)
      this.#fail(
        'S2',
        `commit ${n} of ${who} was applied after ${seq}, ${prev} is not the write id ${stored}`,
      )
    this.#shadow = { ...fence, seq: n, writeId }
    this.#events.committed(fence, request)
    for (const { table, id } of deletes) if (table === 'worker') this.#events.workerRemoved(id)
    this.#events.changed()
  }
}
