import { setTimeout as delay } from 'node:timers/promises'
import type { MasterClient } from '../../../actors/client/master-client.js'
import type { MasterStateResponse, StateSection } from '../../../actors/messages/status.js'
import type { RequestTrace, TraceChunk } from '../../../actors/messages/trace.js'
import { formatMasterAddress } from '../../addresses.js'
import { FiresteelError, isFiresteelError, reasonOf } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import type { ProcessTrace } from '../../trace/causal-order.js'
import { clockOffsetMs } from '../../trace/clock-offset.js'
import type { TraceRecord } from '../../trace/record.js'

/** The query for every process. */
export type TraceFilter = Omit<RequestTrace, 'type' | 'afterCursor' | 'of'>

/** A process whose trace was not collected, or not completely. */
export interface MissingTrace {
  readonly process: string
  readonly reason: string
}

export interface Collected {
  readonly traces: readonly ProcessTrace[]
  readonly missing: readonly MissingTrace[]
}

/** A process to ask: its incarnation, and the process that passes the question on if we have no link. */
interface Target {
  readonly process: string
  readonly reach: () => Promise<{ readonly incarnation: string; readonly via?: string }>
}

type Outcome = { readonly trace: ProcessTrace; readonly dropped: number } | { readonly reason: string }

const LOOK_MS = innerLimits.traceLookMs

/** Asks all known processes of a cluster for what they recorded since the last time. */
export class TraceCollector {
  readonly #client: MasterClient
  readonly #filter: TraceFilter
  /** Incarnation -> where its next answer begins. */
  readonly #cursors = new Map<string, number>()
  #state: MasterStateResponse | undefined

  constructor(client: MasterClient, filter: TraceFilter) {
    this.#client = client
    this.#filter = filter
  }

  /** The name of the cluster; '' while no leader has told it. */
  get cluster(): string {
    return this.#state?.cluster ?? ''
  }

  /**
   * Asks the leader which processes it knows. Rejects as MasterClient does, also with NO_MASTER. Processes
   * known before, and the Masters, are still asked then.
   */
  async look(timeoutMs: number): Promise<void> {
    const parts: StateSection[] = ['workers', 'activeApps']
    this.#state = await this.#client.request({ type: 'RequestMasterState', parts }, { timeoutMs })
  }

  /** Rejects with NOT_ALLOWED if a process answers that. All other failures are reported as missing. */
  async collect(): Promise<Collected> {
    await this.#untilMet()
    const traces = new Map<string, ProcessTrace>()
    const missing: MissingTrace[] = []
    const targets = [...this.#masters(), ...this.#workers(), ...this.#applications()]
    const asking = async (): Promise<void> => {
      for (let target = targets.shift(); target; target = targets.shift()) {
        const { process } = target
        const outcome = await this.#ask(target)
        if ('reason' in outcome) {
          missing.push({ process, reason: outcome.reason })
          continue
        }
        const { trace, dropped } = outcome
        traces.set(trace.incarnation, trace)
        if (dropped > 0)
          missing.push({ process, reason: `its ring no longer holds ${dropped} older messages` })
      }
    }
    await Promise.all(Array.from({ length: limits.traceAsksAtOnce }, asking))
    return { traces: [...traces.values()], missing: [...missing, ...this.#dead()] }
  }

  /** Waits until each Master was reached once, or could not be. */
  async #untilMet(): Promise<void> {
    const untilMs = performance.now() + limits.dialMs
    const isOpen = (): boolean =>
      this.#client.knownMasters.some(({ incarnation, problem }) => !incarnation && problem === undefined)
    while (isOpen() && performance.now() < untilMs) await delay(LOOK_MS)
  }

  #masters(): Target[] {
    return this.#client.knownMasters.map(({ address, incarnation, problem }) => ({
      process: `Master ${address}`,
      reach: async () => {
        if (incarnation !== undefined) return { incarnation }
        throw new FiresteelError('LINK_CLOSED', problem ?? 'no answer')
      },
    }))
  }

  #workers(): Target[] {
    return (this.#state?.workers ?? [])
      .filter(({ state }) => state !== 'DEAD')
      .map((worker) => {
        const address = formatMasterAddress(worker)
        return {
          process: `Worker ${worker.name} ${address}`,
          reach: async () => ({ incarnation: await this.#client.linkWorker(address, limits.traceAskMs) }),
        }
      })
  }

  /** Drivers of applications have links to Masters only, so the leader passes the question on. */
  #applications(): Target[] {
    const leader = this.#client.leader?.incarnation
    return (this.#state?.activeApps ?? []).map(({ id, description, endpoint }) => ({
      process: `application ${id} (${description.name})`,
      reach: async () => {
        if (endpoint !== undefined && leader !== undefined) return { incarnation: endpoint, via: leader }
        throw new FiresteelError('NOT_LEADER', 'no Master leads that has a link to it')
      },
    }))
  }

  #dead(): MissingTrace[] {
    return (this.#state?.workers ?? [])
      .filter(({ state }) => state === 'DEAD')
      .map((worker) => ({
        process: `Worker ${worker.name} ${formatMasterAddress(worker)}`,
        reason: 'it is DEAD, and its trace is gone with it',
      }))
  }

  async #ask({ reach }: Target): Promise<Outcome> {
    try {
      const { incarnation, via } = await reach()
      return await this.#read(incarnation, via)
    } catch (error) {
      if (isFiresteelError(error, 'NOT_ALLOWED')) throw error
      return { reason: reasonFrom(error) }
    }
  }

  /** Reads all chunks of one process. */
  async #read(incarnation: string, via: string | undefined): Promise<Outcome> {
    const records: TraceRecord[] = []
    let dropped = 0
    let offsetMs = 0
    for (;;) {
      const sentMs = Date.now()
      const chunk = await this.#next(incarnation, via)
      if (records.length === 0) offsetMs = clockOffsetMs(sentMs, chunk.nowMs, Date.now())
      for (const entry of chunk.entries) records.push(entry)
      dropped += chunk.dropped
      this.#cursors.set(incarnation, chunk.next)
      if (!chunk.more) return { trace: { incarnation, offsetMs, records }, dropped }
    }
  }

  #next(incarnation: string, via: string | undefined): Promise<TraceChunk> {
    const afterCursor = this.#cursors.get(incarnation)
    const request: RequestTrace = {
      type: 'RequestTrace',
      ...this.#filter,
      ...(afterCursor !== undefined && { afterCursor }),
      ...(via !== undefined && { of: incarnation }),
    }
    const timeoutMs = via === undefined ? limits.traceAskMs : limits.traceAskMs + limits.dialMs
    return this.#client.ask(via ?? incarnation, request, { timeoutMs })
  }
}

function reasonFrom(error: unknown): string {
  if (isFiresteelError(error, 'ASK_TIMEOUT')) return `no answer within ${limits.traceAskMs} ms`
  return reasonOf(error).replace(/\.$/, '')
}
