import {
  type CommitOutcome,
  type CommitRequest,
  type CustomEngineContext,
  compareFence,
  type ElectOutcome,
  type ElectRequest,
  type Fence,
  type LeaderRecord,
  type Page,
  type PersistenceEngine,
  type Quarantined,
  type Table,
} from 'firesteel/recovery'
import { SharedFile, type State } from './shared-file.js'

const PAGE = 512

/**
 * A persistence engine over one shared file. Each operation compares first and writes after, in one change.
 */
export class FileEngine implements PersistenceEngine {
  readonly file: SharedFile
  readonly leaseMs: number
  readonly #schemas: CustomEngineContext['schemas']
  readonly #aside = new Map<string, Quarantined>()

  constructor({ cluster, directory, leaseMs, schemas }: CustomEngineContext) {
    this.file = new SharedFile(directory, cluster, leaseMs / 4)
    this.leaseMs = leaseMs
    this.#schemas = schemas
  }

  async leader(): Promise<LeaderRecord | undefined> {
    const { leader } = this.file.read()
    return leader && { ...leader, ownerGone: false }
  }

  async elect({
    seen,
    me,
    address,
    lock,
    observedEpoch,
    earlier = [],
    writeId,
    protocols,
    format,
  }: ElectRequest): Promise<ElectOutcome> {
    const elect = (state: State): { keep: boolean; result: ElectOutcome } => {
      const { leader } = state
      // An earlier try succeeded, but its answer was lost.
      if (leader?.owner === me) {
        const { epoch, base, writeId } = leader
        return { keep: false, result: { kind: 'elected', epoch, owner: me, base, writeId } }
      }
      const isAsSeen = leader?.epoch === seen?.epoch && leader?.owner === seen?.owner
      // A format that was raised since then is one that the candidate may not know.
      if (!isAsSeen || (leader?.format ?? format) !== format) {
        const { epoch = 0, owner = '' } = leader ?? {}
        return { keep: false, result: { kind: 'changed', epoch, owner } }
      }
      const base = leader?.position ?? { epoch: 0, seq: 0 }
      const epoch = Math.max(base.epoch, observedEpoch) + 1
      const position = { epoch, seq: base.seq }
      const touchedMs = Date.now()
      const standing = { base, earlier, position, touchedMs, left: false }
      state.leader = {
        epoch,
        owner: me,
        address,
        lock,
        writeId,
        ...(protocols && { protocols }),
        format,
        ...standing,
      }
      return { keep: true, result: { kind: 'elected', epoch, owner: me, base, writeId } }
    }
    return this.file.change(elect).catch(unknown)
  }

  async read(
    { epoch, owner }: Fence,
    writeId: string | undefined,
    table: Table,
    cursor = '0',
  ): Promise<Page> {
    const { leader, tables } = this.file.read()
    if (leader?.epoch !== epoch || leader.owner !== owner) return { kind: 'moved' }
    if (writeId !== undefined && leader.writeId !== writeId) return { kind: 'moved' }
    const from = Number(cursor)
    const rows = Object.entries(tables[table])
    const records: [string, unknown][] = []
    for (const [id, json] of rows.slice(from, from + PAGE)) {
      const value: unknown = JSON.parse(json)
      const reason = this.#schemas[table](value)
      if (reason === undefined) records.push([id, value])
      else this.#aside.set(`${table} ${id}`, { place: `${table} ${id}`, reason })
    }
    const next = from + PAGE
    return { kind: 'page', records, cursor: next < rows.length ? String(next) : undefined }
  }

  async touch(fence: Fence, lock: string, prev?: string): Promise<CommitOutcome> {
    return this.#fenced(fence, prev, undefined, (state) => {
      const leader = state.leader!
      state.leader = { ...leader, lock, touchedMs: Math.max(Date.now(), leader.touchedMs + 1) }
    })
  }

  async commit(fence: Fence, request: CommitRequest): Promise<CommitOutcome> {
    const { n, prev, writeId, puts, deletes } = request
    return this.#fenced(fence, prev, writeId, (state) => {
      const { format = state.leader!.format } = request
      for (const { table, id, json } of puts) state.tables[table][id] = json
      for (const { table, id } of deletes) delete state.tables[table][id]
      const position = { epoch: fence.epoch, seq: n }
      state.leader = { ...state.leader!, position, writeId, ...(format && { format }) }
    })
  }

  async leave({ epoch, owner }: Fence): Promise<void> {
    await this.file.change((state) => {
      const { leader } = state
      const isMine = leader?.epoch === epoch && leader.owner === owner
      if (isMine) state.leader = { ...leader, left: true }
      return { keep: isMine, result: undefined }
    })
  }

  async quarantined(): Promise<readonly Quarantined[]> {
    return [...this.#aside.values()]
  }

  async close(): Promise<void> {
    this.file.close()
  }

  /** Writes nothing unless the stored fence allows it. */
  #fenced(
    fence: Fence,
    prev: string | undefined,
    writeId: string | undefined,
    write: (state: State) => void,
  ) {
    return this.file
      .change<CommitOutcome>((state) => {
        const { epoch = 0, owner = '', position, writeId: storedWriteId = '' } = state.leader ?? {}
        const stored = { epoch, owner, seq: position?.seq ?? 0, writeId: storedWriteId }
        const found = compareFence(stored, fence, prev, writeId)
        if (found.kind === 'deposed' || found.kind === 'rewound') return { keep: false, result: found }
        if (found.kind === 'go') write(state)
        const kind = found.kind === 'go' ? 'ok' : 'duplicate'
        return { keep: found.kind === 'go', result: { kind, position: state.leader!.position } }
      })
      .catch(unknown)
  }
}

/** The write may have happened or not. The caller sends it again, and the write id tells. */
const unknown = (error: unknown) => ({ kind: 'unknown', reason: String(error) }) as const
