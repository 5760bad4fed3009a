export interface HeartbeatTimes {
  readonly heartbeatMs: number
  /** After this silence the link is dead. */
  deadMs: number
}

/**
 * Judges the silence of one peer (protocol R7). It counts only time in which this process itself was awake: a
 * tick that comes late adds two heartbeats at most. Death is decided only after the socket was read once
 * more.
 */
export class Heartbeat {
  readonly #times: HeartbeatTimes
  #silentMs = 0
  #countedToMs: number
  #lastReceivedMs: number

  constructor(times: HeartbeatTimes, nowMs: number) {
    this.#times = times
    this.#countedToMs = nowMs
    this.#lastReceivedMs = nowMs
  }

  /** Monotonic time at which the last bytes came. */
  get lastReceivedMs(): number {
    return this.#lastReceivedMs
  }

  /** Milliseconds of silence while this process was awake. */
  get silentMs(): number {
    return this.#silentMs
  }

  get deadMs(): number {
    return this.#times.deadMs
  }

  setDeadMs(deadMs: number): void {
    this.#times.deadMs = deadMs
  }

  observed(nowMs: number): void {
    this.#silentMs = 0
    this.#countedToMs = nowMs
    this.#lastReceivedMs = nowMs
  }

  /** Call this at each heartbeat. True: read the socket once, then ask `isDead()`. */
  tick(nowMs: number): boolean {
    const passedMs = nowMs - this.#countedToMs
    this.#countedToMs = nowMs
    this.#silentMs += Math.min(passedMs, 2 * this.#times.heartbeatMs)
    return this.isDead()
  }

  isDead(): boolean {
    return this.#silentMs >= this.#times.deadMs
  }
}
