import type { MasterClient } from '../../../actors/client/master-client.js'
import type { RequestTrace, TraceChunk } from '../../../actors/messages/trace.js'
import type { TraceRecord } from '../../../runtime/trace/record.js'

const ASK_MS = 5000

/** Messages that a Worker takes only from its leader. */
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
]

/** The leadership that a Worker obeyed last, as far as its trace was read. */
export interface Obeyed {
  readonly epoch: number
  readonly owner: string | undefined
}

/**
 * Commands from a Master whose successor this Worker had already obeyed, by what the Worker did with them.
 */
export interface LateOrders {
  readonly accepted: number
  readonly refused: number
  /** What it obeys after all of them. */
  readonly obeyed: Obeyed
}

/**
 * Judges what one Worker recorded, in its order, after `obeyed`. The Worker itself marks what it refuses
 * (`refused`). Its answer to the sender proves nothing: if the link is gone, no process records the answer.
 */
export function countLateOrders(
  records: readonly Pick<TraceRecord, 'direction' | 'epoch' | 'peer' | 'refused'>[],
  obeyed: Obeyed,
): LateOrders {
  let accepted = 0
  let refused = 0
  for (const { direction, epoch, peer, refused: isRefused } of records) {
    if (direction !== 'in') continue
    if (epoch < obeyed.epoch || (epoch === obeyed.epoch && peer !== obeyed.owner)) {
      if (isRefused) refused++
      else accepted++
    } else if (epoch > obeyed.epoch) obeyed = { epoch, owner: peer }
  }
  return { accepted, refused, obeyed }
}

/** Reads on in the trace of each Worker, round by round. */
export class WorkerAudit {
  readonly #client: MasterClient
  readonly #addresses: () => readonly string[]
  readonly #cursors = new Map<string, number>()
  readonly #obeyed = new Map<string, Obeyed>()
  #accepted = 0
  #refused = 0
  /** Messages that a Worker no longer remembered when it was asked. */
  #missed = 0

  /** `addresses` returns those of the present Workers. */
  constructor(client: MasterClient, addresses: () => readonly string[]) {
    this.#client = client
    this.#addresses = addresses
  }

  get accepted(): number {
    return this.#accepted
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
    for (let more = true; more; ) {
      let chunk = await this.#ask(incarnation)
      // It is registered, so it has heard of a leader at least.
      if (chunk.next === 0) throw new Error(`the Worker at ${address} keeps no trace`)
      let orders = this.#count(incarnation, chunk)
      if (orders.accepted > 0) {
        // It may not have handled them yet. It handles this second question only after everything in the
        // first answer.
        const again = await this.#ask(incarnation)
        const first = new Set(chunk.entries.map(({ id }) => id))
        const entries = again.entries.filter(({ id }) => first.has(id))
        chunk = { ...chunk, entries, dropped: again.dropped }
        orders = this.#count(incarnation, chunk)
      }
      this.#accepted += orders.accepted
      this.#refused += orders.refused
      this.#missed += chunk.dropped
      this.#obeyed.set(incarnation, orders.obeyed)
      this.#cursors.set(incarnation, chunk.next)
      more = chunk.more
    }
  }

  #count(incarnation: string, { entries }: TraceChunk): LateOrders {
    return countLateOrders(entries, this.#obeyed.get(incarnation) ?? { epoch: 0, owner: undefined })
  }

  #ask(incarnation: string): Promise<TraceChunk> {
    const afterCursor = this.#cursors.get(incarnation) ?? 0
    const request: RequestTrace = { type: 'RequestTrace', messages: WATCHED, afterCursor }
    return this.#client.ask(incarnation, request)
  }
}
