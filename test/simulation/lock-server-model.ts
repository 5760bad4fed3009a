/**
 * One lock server and its one key, as the scripts of RedlockLock see it. `test/io/simulation-lock.test.ts`
 * compares it with RedlockLock on real servers. Times come from outside, for each server its own.
 */
export class LockServerModel {
  #value: string | undefined
  #untilMs = 0

  /** Succeeds if the key has this value or is free. */
  take(value: string, ttlMs: number, nowMs: number): boolean {
    const held = this.holder(nowMs)
    if (held !== undefined && held !== value) return false
    this.#write(value, nowMs + ttlMs)
    return true
  }

  /** Compares and deletes. An expired key is gone anyway. */
  release(value: string): void {
    if (this.#value === value) this.forget()
  }

  /** 0: free. */
  remainingMs(nowMs: number): number {
    return this.#value === undefined ? 0 : Math.max(0, this.#untilMs - nowMs)
  }

  /** A restart without data. */
  forget(): void {
    this.#value = undefined
  }

  /** The value that it holds now. A key of Redis lives through its last millisecond. */
  holder(nowMs: number): string | undefined {
    return nowMs > this.#untilMs ? undefined : this.#value
  }

  #write(value: string, untilMs: number): void {
    this.#value = value
    this.#untilMs = untilMs
  }
}
