import { innerLimits } from '../../../inner-limits.js'

/** Says that commands wait for a host, once in a while for each. */
export class HostWaits {
  readonly #say: (text: string) => Promise<void>
  readonly #nextMs = new Map<string, number>()

  constructor(say: (text: string) => Promise<void>) {
    this.#say = say
  }

  async told(host: string, text: string): Promise<void> {
    const nowMs = performance.now()
    if (nowMs < (this.#nextMs.get(host) ?? 0)) return
    this.#nextMs.set(host, nowMs + innerLimits.hostWaitToldMs)
    await this.#say(text)
  }
}
