import assert from 'node:assert/strict'
import type { Table } from '../../runtime/persistence/engine.js'
import { candidateCount, StoreCandidate } from './store-candidate.js'
import type { StoreCommand } from './store-commands.js'
import type { StoreModel, StoreState } from './store-model.js'
import { electKind, fillKind, type Reached, readKind, same, writeKind } from './store-reached.js'
import type { RealStore } from './store-real.js'
import { readAll, StoreScan } from './store-scan.js'

type Of<Do extends StoreCommand['do']> = Extract<StoreCommand, { do: Do }>

/** Fields of a leader record as elect writes it. */
const leaderFields = [
  ...['address', 'base', 'cluster', 'earlier', 'epoch', 'format'],
  ...['key', 'left', 'lock', 'mark', 'owner', 'protocols', 'seq', 'touched'],
]

/**
 * Sends the same commands to a real store and to the model, and throws at the first difference. These are
 * compared only in kind: the time of a touch (the server's clock), the text of a refusal after its first word
 * (it names script and line), and the order of a scan.
 */
export class StorePair {
  readonly #real: RealStore
  readonly #model: StoreModel
  readonly #reached: Reached
  readonly #candidates = Array.from({ length: candidateCount }, (_, index) => new StoreCandidate(index))
  readonly #scans = new Map<number, StoreScan>()
  readonly #saved: StoreState[] = []
  readonly #empty: StoreState
  /** Times of touches: real to model, and back. */
  readonly #touched = new Map<number, number>()
  readonly #touchedBack = new Map<number, number>()
  /** Its commands are its clock. */
  #nowMs = 0

  constructor(real: RealStore, model: StoreModel, reached: Reached) {
    this.#real = real
    this.#model = model
    this.#reached = reached
    this.#empty = model.save()
  }

  async run(commands: readonly StoreCommand[]): Promise<void> {
    try {
      for (const command of commands) {
        this.#nowMs += 1
        this.#reached.commands += 1
        await this.#step(command)
        for (const scan of this.#scans.values()) scan.written()
        await this.#sameLeader()
      }
      await this.#sameContent()
    } finally {
      if (this.#model.full) await this.#real.setFull(false)
      await this.#real.clear()
    }
  }

  async #step(command: StoreCommand): Promise<void> {
    switch (command.do) {
      case 'look':
        this.#by(command.by).looked(this.#model.leader())
        return
      case 'elect':
        return this.#elect(command)
      case 'commit':
        return this.#commit(command)
      case 'touch':
        return this.#touch(command)
      case 'leave':
        return this.#leave(command)
      case 'scan':
        this.#scans.set(command.slot, this.#scan(command))
        return this.#page(command.slot)
      case 'page':
        return this.#page(command.slot)
      case 'readAll':
        return this.#readAll(command)
      case 'save':
        this.#saved[command.slot] = this.#model.save()
        return this.#withCapacity(() => this.#real.save(command.slot))
      case 'fall':
        this.#reached.add('fall')
        this.#model.restore(this.#saved[command.slot] ?? this.#empty)
        return this.#withCapacity(() => this.#real.fall(command.slot))
      case 'full':
        this.#model.full = command.full
        return this.#real.setFull(command.full)
    }
  }

  async #elect({ by, seen, received, earlier, mistakesFormat }: Of<'elect'>): Promise<void> {
    const candidate = this.#by(by)
    const before = this.#model.leader()
    const epoch = before?.epoch ?? 0
    const observedEpoch = { nothing: 0, below: Math.max(0, epoch - 1), same: epoch, above: epoch + 3 }[
      received
    ]
    const request = {
      seen: candidate.seen(seen, before),
      me: candidate.owner,
      address: `firesteel://${candidate.owner}:7070`,
      lock: `lock-${this.#nowMs}`,
      observedEpoch,
      ...(earlier === undefined ? {} : { earlier }),
      writeId: `elect-${this.#nowMs}`,
      format: (before?.format ?? 1) + (mistakesFormat ? 1 : 0),
    }
    const real = await this.#engine(candidate).elect(request)
    const said = this.#model.elect(request, this.#nowMs)
    same(said, real, 'elect')
    if (real.kind === 'elected') candidate.elected(real)
    this.#reached.add(`elect ${electKind(real, request, before)}`)
  }

  async #commit(command: Of<'commit'>): Promise<void> {
    const candidate = this.#by(command.by)
    const before = this.#model.leader()
    const format = command.raises ? (before?.format ?? 1) + 1 : undefined
    const sent = candidate.commit(command, `commit-${this.#nowMs}`, format)
    const { fence, request } = sent
    const real = await this.#engine(candidate).commit(fence, request)
    same(this.#model.commit(fence, request, this.#nowMs), real, 'commit')
    if (!command.lost) candidate.received(sent, real)
    this.#reached.add(`commit ${writeKind(real, fence)}`)
    if (real.kind === 'ok') this.#reached.add(`commit ok, ${fillKind(request)}`)
    if (request.format !== undefined) this.#reached.add(`raise ${writeKind(real, fence)}`)
    const seqFits = request.n === (before?.position.seq ?? 0) + 1
    const isWriteIdAlone = real.kind === 'rewound' && real.position.epoch === fence.epoch && seqFits
    if (isWriteIdAlone) this.#reached.add('commit rewound though its seq fits')
  }

  async #touch({ by, fence: kind, writeId }: Of<'touch'>): Promise<void> {
    const candidate = this.#by(by)
    const fence = candidate.fence(kind)
    const prev = candidate.chained(writeId)
    const lock = `lock-${this.#nowMs}`
    const real = await this.#engine(candidate).touch(fence, lock, prev)
    same(this.#model.touch(fence, lock, prev, this.#nowMs), real, 'touch')
    const which = prev === undefined ? ' without write id' : ''
    this.#reached.add(`touch${which} ${writeKind(real, fence)}`)
  }

  async #leave({ by, fence: kind }: Of<'leave'>): Promise<void> {
    const candidate = this.#by(by)
    const fence = candidate.fence(kind)
    await this.#engine(candidate).leave(fence)
    this.#model.leave(fence)
    const { epoch, owner } = this.#model.leader() ?? { epoch: 0, owner: '' }
    this.#reached.add(epoch === fence.epoch && owner === fence.owner ? 'leave' : 'leave of another')
  }

  #scan({ by, fence, writeId, table }: Of<'scan'>): StoreScan {
    const candidate = this.#by(by)
    return new StoreScan({
      engine: this.#engine(candidate),
      model: this.#model,
      fence: candidate.fence(fence),
      writeId: candidate.readWriteId(writeId),
      table,
    })
  }

  async #page(slot: number): Promise<void> {
    const scan = this.#scans.get(slot)
    if (scan === undefined) return
    const kind = await scan.page()
    if (kind !== undefined) this.#reached.add(`scan ${kind}`)
    if (!scan.isOver) return
    this.#reached.add('scan over')
    this.#scans.delete(slot)
  }

  async #readAll({ by, fence: kind, writeId, table }: Of<'readAll'>): Promise<void> {
    const candidate = this.#by(by)
    const fence = candidate.fence(kind)
    const at = candidate.readWriteId(writeId)
    const real = await readAll((cursor) => this.#engine(candidate).read(fence, at, table, cursor))
    const said = await readAll((cursor) => this.#model.read(fence, at, table, cursor))
    assert.equal(said.kind, real.kind, 'kind of all pages')
    assert.deepEqual(said.records, real.records, 'records of all pages')
    this.#reached.add(`read ${readKind(real, fence, this.#model.leader())}`)
    const aside = await this.#real.engines[0]!.quarantined()
    assert.deepEqual(this.#model.quarantined(), aside, 'quarantine')
    if (aside.length > 0) this.#reached.add('something set aside')
  }

  async #sameLeader(): Promise<void> {
    const real = await this.#real.engines[0]!.leader()
    const said = this.#model.leader()
    assert.deepEqual(said && { ...said, touchedMs: 0 }, real && { ...real, touchedMs: 0 }, 'leader record')
    if (real === undefined || said === undefined) return
    assert.equal(said.touchedMs, this.#touched.get(real.touchedMs) ?? said.touchedMs, 'which touch')
    assert.equal(real.touchedMs, this.#touchedBack.get(said.touchedMs) ?? real.touchedMs, 'which touch')
    this.#touched.set(real.touchedMs, said.touchedMs)
    this.#touchedBack.set(said.touchedMs, real.touchedMs)
  }

  async #sameContent(): Promise<void> {
    for (const [name, rows] of Object.entries(await this.#real.rows())) {
      assert.deepEqual(new Map(this.#model.rows(name as Table)), rows, `table ${name}`)
    }
    const stranger = await this.#real.strangers()
    const known = this.#model.leader() === undefined ? [] : leaderFields
    assert.deepEqual(stranger, { fields: known, keys: [] })
    assert.deepEqual(this.#model.quarantined(), await this.#real.engines[0]!.quarantined(), 'quarantine')
  }

  /** A full Redis does not copy either. */
  async #withCapacity(work: () => Promise<void>): Promise<void> {
    if (this.#model.full) await this.#real.setFull(false)
    await work()
    if (this.#model.full) await this.#real.setFull(true)
  }

  #by(by: number): StoreCandidate {
    const owner = this.#model.leader()?.owner
    const leading = this.#candidates.find((one) => one.owner === owner) ?? this.#candidates[0]!
    return this.#candidates[by] ?? leading
  }

  #engine(candidate: StoreCandidate) {
    return this.#real.engines[this.#candidates.indexOf(candidate)]!
  }
}
