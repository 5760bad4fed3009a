/** Who waits: a link, and the host that it comes from. A peer can have many links, but not many hosts. */
export interface LinkAsker {
  /** Incarnation of the peer. */
  readonly peer: string
  readonly host: string
}

type Begin = () => void

/**
 * What waits until it is called. The hosts take turns, and so do the links of a host: neither many questions
 * nor many links of one host keep the others waiting.
 */
export class LinkQueue {
  /** By host and by peer, the next ones first. */
  readonly #waiting = new Map<string, Map<string, Begin[]>>()

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /** Resolves with true when it is called, and with false when the signal ends. */
  wait(asker: LinkAsker, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false)
    return new Promise((resolve) => {
      const leave = (): void => {
        this.#remove(asker, begin)
        resolve(false)
      }
      const begin = (): void => {
        signal.removeEventListener('abort', leave)
        resolve(true)
      }
      signal.addEventListener('abort', leave, { once: true })
      const links = this.#waiting.get(asker.host) ?? new Map<string, Begin[]>()
      this.#waiting.set(asker.host, links)
      links.set(asker.peer, [...(links.get(asker.peer) ?? []), begin])
    })
  }

  /** Calls the next one of a link that may go on, and returns that link; undefined: none of them may. */
  call(may: (peer: string) => boolean = () => true): string | undefined {
    for (const [host, links] of this.#waiting) {
      for (const [peer, queue] of links) {
        const [next] = queue
        if (next === undefined || !may(peer)) continue
        this.#remove({ peer, host }, next)
        next()
        return peer
      }
    }
    return undefined
  }

  /** Its link and its host go behind the others that wait. */
  #remove({ peer, host }: LinkAsker, begin: Begin): void {
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
