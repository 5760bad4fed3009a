import { innerLimits } from '../../../runtime/inner-limits.js'

/** Who asks for the end of an output. */
export interface TailAsker {
  /** Incarnation of the peer. */
  readonly peer: string
  readonly host: string
}

type Begin = (begins: boolean) => void

/**
 * The searches for the last lines of outputs: a few at a time, and one of each link. The others wait. The
 * hosts take turns, and so do the links of a host: neither many questions nor many links of one host keep the
 * others waiting. No more can wait than log streams can be open.
 */
export class TailTurns {
  readonly #most: number
  /** By host and by peer, the next ones first. */
  readonly #waiting = new Map<string, Map<string, Begin[]>>()
  /** The peers whose search runs. */
  readonly #running = new Set<string>()

  constructor(most: number = innerLimits.logTailSearches) {
    this.#most = most
  }

  /** Resolves with what the search found; undefined: the signal ended it before it began. */
  async search<T>(asker: TailAsker, signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined> {
    if (!(await this.#begins(asker, signal))) return undefined
    try {
      return await work()
    } finally {
      this.#running.delete(asker.peer)
      this.#serve()
    }
  }

  #begins(asker: TailAsker, signal: AbortSignal): Promise<boolean> {
    return new Promise((begin) => {
      const leave = (): void => {
        this.#remove(asker, begin)
        begin(false)
      }
      if (signal.aborted) return leave()
      signal.addEventListener('abort', leave, { once: true })
      const links = this.#waiting.get(asker.host) ?? new Map<string, Begin[]>()
      this.#waiting.set(asker.host, links)
      links.set(asker.peer, [...(links.get(asker.peer) ?? []), begin])
      this.#serve()
    })
  }

  #serve(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) next(true)
  }

  #next(): Begin | undefined {
    if (this.#running.size >= this.#most) return undefined
    for (const [host, links] of this.#waiting) {
      for (const [peer, queue] of links) {
        const [next] = queue
        if (next === undefined || this.#running.has(peer)) continue
        this.#remove({ peer, host }, next)
        this.#running.add(peer)
        return next
      }
    }
    return undefined
  }

  /** Its link and its host go behind the others that wait. */
  #remove({ peer, host }: TailAsker, begin: Begin): void {
    const links = this.#waiting.get(host)
    const queue = links?.get(peer)
    if (!links || !queue?.includes(begin)) return
    const left = queue.filter((other) => other !== begin)
    links.delete(peer)
    if (left.length > 0) links.set(peer, left)
    this.#waiting.delete(host)
    if (links.size > 0) this.#waiting.set(host, links)
  }
}
