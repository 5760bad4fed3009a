import type {
  CommitOutcome,
  CommitRequest,
  Elected,
  Fence,
  LeaderRecord,
} from '../../runtime/persistence/engine.js'
import type { FenceKind, StoreCommand, WriteIdKind } from './store-commands.js'

type CommitCommand = Extract<StoreCommand, { do: 'commit' }>
type ElectCommand = Extract<StoreCommand, { do: 'elect' }>

export interface Sent {
  readonly fence: Fence
  readonly request: CommitRequest
}

const owners = ['m0', 'm1', 'm2']
export const candidateCount = owners.length

/**
 * What one candidate knows and therefore sends. It is built from outcomes alone, the same for both stores.
 */
export class StoreCandidate {
  readonly owner: string
  readonly #index: number
  #fence: Fence
  /** Write id of the election, for reads. */
  #electedWriteId = 'never elected'
  /** Write id of its last write, for the chain. */
  #writeId = 'never elected'
  #n = 0
  #looked: Fence | undefined
  readonly #sent: Sent[] = []

  constructor(index: number) {
    this.#index = index
    this.owner = owners[index]!
    this.#fence = { epoch: 1, owner: this.owner }
  }

  fence(kind: FenceKind): Fence {
    const { epoch, owner } = this.#fence
    if (kind === 'epochBelow') return { epoch: Math.max(1, epoch - 1), owner }
    if (kind === 'epochAbove') return { epoch: epoch + 1, owner }
    if (kind === 'otherOwner') return { epoch, owner: this.#other() }
    return this.#fence
  }

  looked(record: LeaderRecord | undefined): void {
    this.#looked = record && { epoch: record.epoch, owner: record.owner }
  }

  /** What it saw before it asks for the leadership. */
  seen(kind: ElectCommand['seen'], record: LeaderRecord | undefined): Fence | undefined {
    const { epoch = 0, owner = '' } = record ?? {}
    if (kind === 'now') return record && { epoch, owner }
    if (kind === 'looked') return this.#looked
    if (kind === 'otherOwner') return { epoch, owner: owner === this.owner ? this.#other() : this.owner }
    if (kind === 'otherEpoch') return { epoch: epoch + 1, owner }
    return undefined
  }

  elected({ epoch, owner, base, writeId }: Elected): void {
    this.#fence = { epoch, owner }
    this.#electedWriteId = writeId
    this.#writeId = writeId
    this.#n = base.seq
  }

  /** The write id of its last write, for touch. */
  chained(kind: WriteIdKind): string | undefined {
    return writeIdOf(kind, this.#writeId)
  }

  /** The write id of its election, for read. */
  readWriteId(kind: WriteIdKind): string | undefined {
    return writeIdOf(kind, this.#electedWriteId)
  }

  /** The write id is fresh. */
  commit(
    { which, pick, fence, puts, deletes }: CommitCommand,
    writeId: string,
    format: number | undefined,
  ): Sent {
    const old =
      which === 'again' ? this.#sent.at(-1) : which === 'late' ? this.#sent.at(-1 - pick) : undefined
    if (old !== undefined) return old
    const n = which === 'otherSeq' ? this.#n + 3 : this.#n + 1
    const prev = which === 'otherWriteId' ? 'of another branch' : this.#writeId
    const raises = format !== undefined && { format }
    const sent = { fence: this.fence(fence), request: { n, prev, writeId, puts, deletes, ...raises } }
    this.#sent.push(sent)
    return sent
  }

  received({ request, fence }: Sent, { kind }: CommitOutcome): void {
    const isMine = fence.owner === this.owner && fence.epoch === this.#fence.epoch
    if (!isMine || (kind !== 'ok' && kind !== 'duplicate')) return
    this.#n = request.n
    this.#writeId = request.writeId
  }

  #other(): string {
    return owners[(this.#index + 1) % owners.length]!
  }
}

function writeIdOf(kind: WriteIdKind, own: string): string | undefined {
  if (kind === 'none') return undefined
  return kind === 'own' ? own : 'of another branch'
}
