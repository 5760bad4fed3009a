import type { MasterClient } from '../../actors/client/master-client.js'
import type { RequestTrace } from '../../actors/messages/trace.js'
import type { TraceRecord } from '../../runtime/trace/record.js'

const ASK_MS = 5000

/** All that a Worker takes from none but its leader, and the refusal of what comes from another. */
const WATCHED = [
  'MasterChanged',
  'RegisteredWorker',
  'ReconnectWorker',
  'LaunchDriver',
  'KillDriver',
  'LaunchExecutor',
  'KillExecutor',
  'ApplicationFinished',
  'ChangesAcknowledged',
  'StaleEpoch',
]

export interface LateOrders {
  /** From a Master whose successor this Worker had heard already. */
  readonly arrived: number
  readonly refused: number
}

/** What one Worker recorded, in its order; `known` is what it knew before and is carried on. */
export function countLateOrders(
  records: readonly Pick<TraceRecord, 'message' | 'direction' | 'epoch' | 'peer'>[],
  known: { epoch: number; owner: string | undefined },
): LateOrders {
  let arrived = 0
  let refused = 0
  for (const { message, direction, epoch, peer } of records) {
    if (message === 'StaleEpoch') {
      if (direction === 'out') refused++
    } else if (direction === 'in') {
      if (epoch < known.epoch || (epoch === known.epoch && peer !== known.owner)) arrived++
      else if (epoch > known.epoch) {
        known.epoch = epoch
        known.owner = peer
      }
    }
  }
  return { arrived, refused }
}

/** Reads on in the trace of each Worker, round by round. */
export class WorkerAudit {
  readonly #client: MasterClient
  readonly #addresses: () => readonly string[]
  readonly #cursors = new Map<string, number>()
  readonly #known = new Map<string, { epoch: number; owner: string | undefined }>()
  #arrived = 0
  #refused = 0
  /** Messages that a Worker no longer had when it was asked. */
  #missed = 0

  /** `addresses`: of the Workers as they are then. */
  constructor(client: MasterClient, addresses: () => readonly string[]) {
    this.#client = client
    this.#addresses = addresses
  }

  get accepted(): number {
    return Math.max(0, this.#arrived - this.#refused)
  }

  get refused(): number {
    return this.#refused
  }

  get missed(): number {
    return this.#missed
  }

  async look(): Promise<void> {
    for (const address of this.#addresses()) await this.#read(address)
  }

  async #read(address: string): Promise<void> {
    const incarnation = await this.#client.linkWorker(address, ASK_MS)
    const known = this.#known.get(incarnation) ?? { epoch: 0, owner: undefined }
    this.#known.set(incarnation, known)
    for (;;) {
      const afterCursor = this.#cursors.get(incarnation) ?? 0
      const request: RequestTrace = { type: 'RequestTrace', messages: WATCHED, afterCursor }
      const { entries, next, more, dropped } = await this.#client.ask(incarnation, request)
      const { arrived, refused } = countLateOrders(entries, known)
      this.#arrived += arrived
      this.#refused += refused
      this.#missed += dropped
      this.#cursors.set(incarnation, next)
      if (!more) return
    }
  }
}
