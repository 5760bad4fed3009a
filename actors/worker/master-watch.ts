import type { LeaderTracker } from '../../runtime/persistence/leader-tracker.js'
import type { MasterInStandby } from '../messages/leadership.js'
import type { Heartbeat } from '../messages/workers.js'
import type { Contact } from './contact.js'
import { MasterList } from './master-list.js'
import type { Now, WorkerEffect } from './worker-events.js'
import type { WorkerTimes } from './worker-identity.js'

export interface MasterWatchParts {
  readonly workerId: string
  /** Absent: nothing outlives this Worker. */
  readonly orphanGraceMs?: number | undefined
  readonly times: WorkerTimes
  readonly leaderTracker: LeaderTracker
  readonly contact: Contact
  emit(effect: WorkerEffect): void
  /** The contact is younger now. */
  onContact(): void
}

/**
 * A Worker and the Masters that do not lead: it links to all (protocol R0), tells them what it obeyed, and
 * asks them.
 */
export class MasterWatch {
  readonly #parts: MasterWatchParts
  readonly #masterList: MasterList

  constructor(masters: readonly string[], parts: MasterWatchParts) {
    this.#parts = parts
    this.#masterList = new MasterList(masters)
  }

  start(): void {
    for (const address of this.#masterList.known) this.#parts.emit({ kind: 'dial', address })
  }

  get listed(): readonly string[] {
    return this.#masterList.listed
  }

  /** Takes the addresses of all Masters that one of them sent. */
  learn(addresses: readonly string[]): void {
    for (const address of this.#masterList.learn(addresses)) this.#parts.emit({ kind: 'dial', address })
  }

  linkUp(master: string, address: string): void {
    this.#masterList.linkUp(master, address)
  }

  /** True: this Worker dialled the peer at an address of a Master. */
  isLinked(peer: string): boolean {
    return this.#masterList.isLinked(peer)
  }

  linkDown(peer: string): void {
    this.#masterList.linkDown(peer)
    if (peer !== this.#parts.leaderTracker.leader?.owner) return
    for (const master of this.#masterList.linked) this.#tellSeen(master)
  }

  inStandby(from: string, { masters, heartbeatSentAtMs }: MasterInStandby, now: Now): void {
    this.learn(masters)
    if (this.#masterList.greeted(from)) this.#tellSeen(from)
    // This Worker sent no heartbeat in the future, so such a time is not its own.
    if (heartbeatSentAtMs === undefined || heartbeatSentAtMs > now.bootMs) return
    this.#masterList.answered(from, heartbeatSentAtMs, masters)
    this.#judge(now)
  }

  refused(address: string, dialledAtMs: number, now: Now): void {
    this.#masterList.refused(address, dialledAtMs)
    this.#judge(now)
  }

  /**
   * While no leader answers, this asks each Master whether it leads. A STANDBY answers any Heartbeat that it
   * does not. `asked` is a Master that has its heartbeat already.
   */
  probe(now: Now, asked: string | undefined): void {
    const { contact, times, emit } = this.#parts
    if (now.bootMs - contact.lastBootMs <= times.probeAfterMs) return
    for (const to of this.#masterList.linked) {
      if (to !== asked) emit({ kind: 'tell', to, message: this.heartbeat(now) })
    }
    emit({ kind: 'tellRefusals' })
  }

  heartbeat(now: Now): Heartbeat {
    const { workerId, times, orphanGraceMs } = this.#parts
    const { workerTimeoutMs } = times
    const outlives = orphanGraceMs !== undefined && { orphanGraceMs }
    return { type: 'Heartbeat', workerId, sentAtMs: now.bootMs, workerTimeoutMs, ...outlives }
  }

  /** If every Master was seen not to lead, none can have relaunched anything (protocol 8). */
  #judge(now: Now): void {
    const sinceMs = this.#masterList.noLeaderSince()
    if (sinceMs !== undefined && this.#parts.contact.noLeaderSince(sinceMs, now.bootMs))
      this.#parts.onContact()
  }

  /**
   * Tells a candidate that its store may have lost its last writes (protocol 5.3). Needs a leader obeyed
   * before.
   */
  #tellSeen(to: string): void {
    const { leader, seen: position } = this.#parts.leaderTracker
    if (!leader || !position || to === leader.owner) return
    this.#parts.emit({ kind: 'tell', to, message: { type: 'PositionSeen', position, owner: leader.owner } })
  }
}
