import { setTimeout as delay } from 'node:timers/promises'
import type { MasterClient } from '../../../actors/client/master-client.js'
import type { MasterStateResponse, StateSection } from '../../../actors/messages/status.js'
import type { RequestTrace, TraceChunk } from '../../../actors/messages/trace.js'
import { formatMasterAddress } from '../../addresses.js'
import { FiresteelError, isFiresteelError, reasonOf } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import { counted } from '../../pages/words.js'
import type { ProcessTrace } from '../../trace/causal-order.js'
import { clockOffsetMs } from '../../trace/clock-offset.js'
import type { TraceRecord } from '../../trace/record.js'

/** The query for every process. */
export type TraceFilter = Omit<RequestTrace, 'type' | 'afterCursor' | 'of' | 'executor'>

/** The executors that are asked. */
export interface AskedExecutors {
  /** Id or name of the only application whose executors are; absent: a few of all applications. */
  readonly app?: string | undefined
  /** None, because they would be asked twice a second. */
  readonly follow?: true | undefined
}

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
  readonly reach: () => Promise<Reached>
}

interface Reached {
  readonly incarnation: string
  readonly via?: string
  /** This executor of the application with that incarnation. */
  readonly executor?: number
}

type Outcome = { readonly trace: ProcessTrace; readonly dropped: number } | { readonly reason: string }

const LOOK_MS = innerLimits.traceLookMs
const MOST_EXECUTORS = innerLimits.tracedExecutors

/** Asks all known processes of a cluster for what they recorded since the last time. */
export class TraceCollector {
  readonly #client: MasterClient
  readonly #filter: TraceFilter
  readonly #asked: AskedExecutors
  /** Incarnation -> where its next answer begins. */
  readonly #cursors = new Map<string, number>()
  #state: MasterStateResponse | undefined

  constructor(client: MasterClient, filter: TraceFilter, executors: AskedExecutors = {}) {
    this.#client = client
    this.#filter = filter
    this.#asked = executors
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
    const parts: StateSection[] = ['workers', 'activeApps', 'executors']
    this.#state = await this.#client.request({ type: 'RequestMasterState', parts }, { timeoutMs })
  }

  /** Rejects with NOT_ALLOWED if a process answers that. All other failures are reported as missing. */
  async collect(): Promise<Collected> {
    await this.#untilMet()
    const traces = new Map<string, ProcessTrace>()
    const missing: MissingTrace[] = []
    const executors = this.#executors()
    const asked = executors.slice(0, MOST_EXECUTORS)
    const targets = [...this.#masters(), ...this.#workers(), ...this.#applications(), ...asked]
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
    const left = notAsked(executors.length - asked.length)
    return { traces: [...traces.values()], missing: [...missing, ...left, ...this.#dead()] }
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

  /** An executor has a link to its driver only, which passes the question on. */
  #executors(): Target[] {
    const { app, follow } = this.#asked
    if (follow) return []
    const leader = this.#client.leader?.incarnation
    return (this.#state?.activeApps ?? [])
      .filter(({ id, description }) => app === undefined || app === id || app === description.name)
      .flatMap(({ id, endpoint, executors }) =>
        executors
          .filter(({ state }) => state === 'RUNNING')
          .map(({ execId: executor }) => ({
            process: `executor ${id}/${executor}`,
            reach: async () => {
              if (endpoint !== undefined && leader !== undefined)
                return { incarnation: endpoint, via: leader, executor }
              throw new FiresteelError('NOT_LEADER', 'no Master leads that has a link to its driver')
            },
          })),
      )
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
      return await this.#read(await reach())
    } catch (error) {
      if (isFiresteelError(error, 'NOT_ALLOWED')) throw error
      return { reason: reasonFrom(error) }
    }
  }

  /** Reads all chunks of one process. */
  async #read(reached: Reached): Promise<Outcome> {
    let { incarnation } = reached
    const records: TraceRecord[] = []
    let dropped = 0
    let offsetMs = 0
    for (;;) {
      const sentMs = Date.now()
      const chunk = await this.#next(reached)
      incarnation = chunk.incarnation ?? incarnation
      if (records.length === 0) offsetMs = clockOffsetMs(sentMs, chunk.nowMs, Date.now())
      for (const entry of chunk.entries) records.push(entry)
      dropped += chunk.dropped
      this.#cursors.set(cursorOf(reached), chunk.next)
      if (!chunk.more) return { trace: { incarnation, offsetMs, records }, dropped }
    }
  }

  #next(reached: Reached): Promise<TraceChunk> {
    const { incarnation, via, executor } = reached
    const afterCursor = this.#cursors.get(cursorOf(reached))
    const request: RequestTrace = {
      type: 'RequestTrace',
      ...this.#filter,
      ...(afterCursor !== undefined && { afterCursor }),
      ...(via !== undefined && { of: incarnation }),
      ...(executor !== undefined && { executor }),
    }
    const timeoutMs = via === undefined ? limits.traceAskMs : limits.traceAskMs + limits.dialMs
    return this.#client.ask(via ?? incarnation, request, { timeoutMs })
  }
}

const cursorOf = ({ incarnation, executor }: Reached): string =>
  executor === undefined ? incarnation : `${incarnation}/${executor}`

const notAsked = (count: number): MissingTrace[] =>
  count <= 0
    ? []
    : [
        {
          process: counted(count, 'executor'),
          reason: 'too many to ask all of them; --app ID asks those of one application',
        },
      ]

function reasonFrom(error: unknown): string {
  if (isFiresteelError(error, 'ASK_TIMEOUT')) return `no answer within ${limits.traceAskMs} ms`
  return reasonOf(error).replace(/\.$/, '')
}
