import { compareFence } from './compare-fence.js'
import type {
  CommitOutcome,
  CommitRequest,
  ElectOutcome,
  ElectRequest,
  Fence,
  LeaderRecord,
  Page,
  PersistenceEngine,
  Position,
  Quarantined,
} from './engine.js'

interface Leadership extends Fence {
  readonly address: string
  readonly base: Position
  lock: string
  seq: number
  writeId: string
  touchedMs: number
  left: boolean
  readonly protocols: string | undefined
  format: number
}

/** Recovery mode NONE. The fence holds within this process, and records are dropped at once. */
export class BlackHoleEngine implements PersistenceEngine {
  readonly #nowMs: () => number
  #stored: Leadership | undefined

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  async leader(): Promise<LeaderRecord | undefined> {
    const stored = this.#stored
    if (stored === undefined) return undefined
    const { epoch, owner, address, lock, seq, writeId, base, touchedMs, left, protocols, format } = stored
    return {
      epoch,
      owner,
      address,
      lock,
      writeId,
      base,
      touchedMs,
      left,
      position: { epoch, seq },
      ownerGone: false,
      ...(protocols && { protocols }),
      format,
    }
  }

  async elect(request: ElectRequest): Promise<ElectOutcome> {
    const { seen, me, address, lock, observedEpoch, writeId, protocols, format } = request
    const stored = this.#stored
    if (stored?.owner === me) {
      return { kind: 'elected', epoch: stored.epoch, owner: me, base: stored.base, writeId: stored.writeId }
    }
    const isAsSeen = stored?.epoch === seen?.epoch && stored?.owner === seen?.owner
    if (!isAsSeen || (stored && stored.format !== format)) {
      return { kind: 'changed', epoch: stored?.epoch ?? 0, owner: stored?.owner ?? '' }
    }
    const base: Position = { epoch: stored?.epoch ?? 0, seq: stored?.seq ?? 0 }
    const epoch = Math.max(base.epoch, observedEpoch) + 1
    const touchedMs = this.#nowMs()
    const standing = { base, seq: base.seq, writeId, touchedMs, left: false, protocols, format }
    this.#stored = { epoch, owner: me, address, lock, ...standing }
    return { kind: 'elected', epoch, owner: me, base, writeId }
  }

  async read(fence: Fence, writeId: string | undefined): Promise<Page> {
    const stored = this.#stored
    const leads = stored?.epoch === fence.epoch && stored.owner === fence.owner
    const mine = leads && (writeId === undefined || stored.writeId === writeId)
    return mine ? { kind: 'page', records: [], cursor: undefined } : { kind: 'moved' }
  }

  async touch(fence: Fence, lock: string, prev?: string): Promise<CommitOutcome> {
    const stored = this.#stored
    if (stored === undefined) return nothingStored
    const found = compareFence(stored, fence, prev)
    if (found.kind === 'deposed' || found.kind === 'rewound') return found
    stored.lock = lock
    stored.touchedMs = this.#nowMs()
    return { kind: 'ok', position: { epoch: stored.epoch, seq: stored.seq } }
  }

  async commit(fence: Fence, request: CommitRequest): Promise<CommitOutcome> {
    const stored = this.#stored
    if (stored === undefined) return nothingStored
    const found = compareFence(stored, fence, request.prev, request.writeId)
    if (found.kind === 'deposed' || found.kind === 'rewound') return found
    if (found.kind === 'go') {
      stored.seq = request.n
      stored.writeId = request.writeId
      stored.format = request.format ?? stored.format
    }
    const position = { epoch: stored.epoch, seq: stored.seq }
    return { kind: found.kind === 'go' ? 'ok' : 'duplicate', position }
  }

  async leave(fence: Fence): Promise<void> {
    const stored = this.#stored
    if (stored?.epoch === fence.epoch && stored.owner === fence.owner) stored.left = true
  }

  async quarantined(): Promise<readonly Quarantined[]> {
    return []
  }

  async close(): Promise<void> {}
}

const nothingStored: CommitOutcome = { kind: 'rewound', position: { epoch: 0, seq: 0 }, writeId: '' }
