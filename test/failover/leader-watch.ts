import { readFileSync } from 'node:fs'
import { Agent, type AgentOptions, get } from 'node:http'
import { get as getSecurely, Agent as SecureAgent } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { sharedNowMs } from '../tools/load/shared-time.js'

const EVERY_MS = 2
/** A frozen Master accepts the connection and sends nothing. */
const ANSWER_MS = 1000

export interface SeenAlive {
  readonly web: string
  readonly atMs: number
}

/**
 * Asks Masters for `/leader` over and over, each on a kept connection, without their clocks. It notes when
 * the answer arrived: late by a round trip at most, never early.
 */
export class LeaderWatch {
  readonly #agents: Agent[] = []
  readonly #ca: string | undefined
  readonly #alive: Promise<SeenAlive>
  #resolve: (seen: SeenAlive) => void = () => undefined
  #first: SeenAlive | undefined
  #ends = false

  /** `ca` is the file of the CA of Masters with TLS. */
  constructor(webs: readonly string[], ca?: string) {
    this.#ca = ca
    this.#alive = new Promise((resolve) => {
      this.#resolve = resolve
    })
    for (const web of webs) this.follow(web)
  }

  /** The first that was ALIVE; undefined while none was. */
  get first(): SeenAlive | undefined {
    return this.#first
  }

  /** Watches one more Master. Does nothing after close(). */
  follow(web: string): void {
    if (!this.#ends) void this.#ask(web)
  }

  /** Rejects after `deadlineMs`. */
  async alive(deadlineMs: number): Promise<SeenAlive> {
    const late = new AbortController()
    const tooLate = delay(deadlineMs, undefined, { signal: late.signal }).then((): never => {
      throw new Error(`no other Master was ALIVE within ${deadlineMs} ms`)
    })
    tooLate.catch(() => undefined)
    try {
      return await Promise.race([this.#alive, tooLate])
    } finally {
      late.abort()
    }
  }

  close(): void {
    this.#ends = true
    for (const agent of this.#agents) agent.destroy()
  }

  async #ask(web: string): Promise<void> {
    const agent = agentFor(this.#ca, { keepAlive: true, maxSockets: 1 })
    this.#agents.push(agent)
    while (!this.#ends) {
      const status = await statusOf(`${web}/leader`, agent).catch(() => 0)
      if (status === 200 && !this.#ends) {
        const seen = { web, atMs: sharedNowMs() }
        this.#first ??= seen
        this.#resolve(seen)
      }
      await delay(EVERY_MS)
    }
  }
}

/** For these Masters. */
export const agentFor = (ca: string | undefined, options: AgentOptions): Agent =>
  ca === undefined ? new Agent(options) : new SecureAgent({ ...options, ca: readFileSync(ca) })

/** Status of one GET. Rejects if no answer comes in time. */
export function statusOf(url: string, agent: Agent, timeoutMs = ANSWER_MS): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? getSecurely : get)(
      url,
      { agent, timeout: timeoutMs },
      (response) => {
        response.resume()
        response.once('error', reject)
        response.once('end', () => resolve(response.statusCode ?? 0))
      },
    )
    request.once('timeout', () => request.destroy(new Error(`${url} did not answer within ${timeoutMs} ms`)))
    request.once('error', reject)
  })
}
