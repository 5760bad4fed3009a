import { innerLimits } from '../inner-limits.js'
import { pause } from '../pause.js'
import { isDescriptorShortage } from './descriptors.js'
import type { GroupFollower } from './process-group.js'
import { type ProcessEntry, recentProcessTable } from './process-table.js'
import { sendSignal, signalMembers } from './send-signal.js'

const POLL_FIRST_MS = innerLimits.groupPollFirstMs
const POLL_MAX_MS = innerLimits.groupPollMaxMs

export interface ProcessExit {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * Follows a child until everything it started has ended. The exit of its leader is not the end: the rest gets
 * SIGTERM, and SIGKILL after the grace.
 */
export class ChildEnd {
  readonly exited: Promise<ProcessExit>
  /** No process of the group is left. Only now its cores and memory are free. */
  readonly gone: Promise<void>
  readonly #follower: GroupFollower
  readonly #leftoverGraceMs: number
  #leaderExited = false
  #isGone = false
  #polling = false
  /** True: what is left was asked to end, here or by the process that was this Worker before. */
  #terminated: boolean
  #killAtMs = Number.POSITIVE_INFINITY
  #resolveGone!: () => void
  #wake = new AbortController()

  constructor(
    follower: GroupFollower,
    exited: Promise<ProcessExit>,
    leftoverGraceMs: number,
    terminated = false,
  ) {
    this.#follower = follower
    this.#terminated = terminated
    this.#leftoverGraceMs = leftoverGraceMs
    this.exited = exited
    this.gone = new Promise((resolve) => {
      this.#resolveGone = resolve
    })
    void exited.then(() => this.#onLeaderExit())
  }

  isEmpty(): boolean {
    return this.#isGone || (this.#leaderExited && this.#look()?.length === 0)
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#isGone) return
    if (this.#follower.ownGroup) sendSignal(-this.#follower.identity.pid, signal)
    // Once a leader without a group of its own was reaped, another process may have its number.
    else if (!this.#leaderExited) sendSignal(this.#follower.identity.pid, signal)
  }

  async stop(graceMs: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<ProcessExit> {
    if (!this.#isGone) {
      if (!this.#terminated && graceMs > 0) this.#terminate(this.#look(), signal)
      this.#killAtMs = Math.min(this.#killAtMs, performance.now() + graceMs)
      this.#startPolling()
    }
    await this.gone
    return await this.exited
  }

  #onLeaderExit(): void {
    this.#leaderExited = true
    const members = this.#look()
    if (members?.length !== 0 && !this.#terminated) {
      this.#terminate(members)
      this.#killAtMs = Math.min(this.#killAtMs, performance.now() + this.#leftoverGraceMs)
    }
    if (members?.length === 0) this.#finish()
    else this.#startPolling()
  }

  #terminate(members: readonly ProcessEntry[] | undefined, signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#terminated = true
    if (members !== undefined) signalMembers(this.#follower, members, signal)
    else this.signal(signal)
  }

  /**
   * Undefined: nobody could look, because no descriptor was left. A process that may live is not given up.
   */
  #look(): ProcessEntry[] | undefined {
    try {
      return this.#members()
    } catch (error) {
      if (isDescriptorShortage(error)) return undefined
      throw error
    }
  }

  #members(): ProcessEntry[] {
    const { identity, ownGroup, hasEscaped } = this.#follower
    // The usual end costs one system call, not a look at every process.
    const askKernel = this.#leaderExited && ownGroup && !hasEscaped
    const isEmpty = (): boolean => this.#follower.cgroupMembers().length === 0
    if (askKernel && sendSignal(-identity.pid, 0) === 'gone' && isEmpty()) return []
    return this.#follower.members(recentProcessTable())
  }

  #finish(): void {
    this.#isGone = true
    this.#resolveGone()
    this.#wake.abort()
  }

  #startPolling(): void {
    if (!this.#polling) {
      this.#polling = true
      void this.#poll()
    } else {
      this.#wake.abort()
    }
  }

  async #poll(): Promise<void> {
    let waitMs: number = POLL_FIRST_MS
    while (!this.#isGone) {
      const untilKillMs = this.#killAtMs - performance.now()
      const members = this.#look()
      if (this.#leaderExited && members?.length === 0) {
        this.#finish()
        return
      }
      // Repeated in each round: between two looks a process may have been started outside of the group.
      if (untilKillMs <= 0) this.#kill(members)
      else waitMs = Math.min(waitMs, untilKillMs)
      await this.#sleep(waitMs)
      waitMs = Math.min(POLL_MAX_MS, waitMs * 1.5 + 1)
    }
  }

  #kill(members: readonly ProcessEntry[] | undefined): void {
    if (members !== undefined) signalMembers(this.#follower, members, 'SIGKILL')
    else this.signal('SIGKILL')
  }

  async #sleep(ms: number): Promise<void> {
    const wake = new AbortController()
    this.#wake = wake
    await pause(ms, wake.signal)
  }
}
