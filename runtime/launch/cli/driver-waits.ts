import type { DriverStatusResponse } from '../../../actors/messages/drivers.js'
import { limits } from '../../limits.js'

const waiting: ReadonlySet<DriverStatusResponse['state']> = new Set(['SUBMITTED', 'RELAUNCHING'])

/** What to say of a driver that somebody follows and that has no process yet: after 5 s, then each minute. */
export class DriverWaits {
  #nextMs: number | undefined

  /** The line to say now, if any. */
  look({ driverId, state, message }: DriverStatusResponse, nowMs: number): string | undefined {
    if (!waiting.has(state)) {
      this.#nextMs = undefined
      return undefined
    }
    this.#nextMs ??= nowMs + limits.waitingFirstMs
    if (nowMs < this.#nextMs) return undefined
    this.#nextMs = nowMs + limits.waitingAgainMs
    const reason = message.replace(/^waits: /, '')
    return `${driverId} waits: ${reason === '' ? 'its Master does not say why' : reason}`
  }
}
