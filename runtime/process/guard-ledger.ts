import type { ProcessIdentity } from './find-process.js'
import { removeVerb } from './guard-lines.js'

/** A process group that must not outlive its Worker. */
export interface GuardedGroup extends ProcessIdentity {
  /** By the boot clock; for `onIsolation: stop`. The guard kills the group then, whatever the Worker does. */
  readonly validUntilBootMs?: number
  /** Folder of its control group, where it has one. */
  readonly cgroup?: string
}

/**
 * What a guard knows, as pure rules (protocol 8): lines of the pipe go in, groups to kill come out.
 *
 *     add PID START_TIME [VALID_UNTIL_BOOT_MS|- [CGROUP]]     again: changes "valid until"
 *     remove PID
 *     grace MS                                     orphanGrace: from the end of the pipe to the kill
 */
export class GuardLedger {
  readonly #groups = new Map<number, GuardedGroup>()
  #graceMs = 0
  #orphanedAtBootMs: number | undefined
  /** Of a planned restart: until then the next Worker process may take all over. */
  #outliveUntilBootMs: number | undefined

  /** False for a line that is not ours. It changes nothing. */
  apply(line: string): boolean {
    const [verb, first, second, third = '-', cgroup] = line.trim().split(' ')
    const number = Number(first)
    if (!Number.isSafeInteger(number)) return false
    if (verb === 'grace' && number >= 0) {
      this.#graceMs = number
      return true
    }
    // 0 and 1 mean "everybody" to kill(). They are never groups of ours.
    if (number <= 1) return false
    if (verb === 'remove') return this.#groups.delete(number)
    if (verb !== 'add' || second === undefined || second === '') return false
    const validUntilBootMs = third === '-' ? undefined : Number(third)
    if (Number.isNaN(validUntilBootMs)) return false
    this.add({
      pid: number,
      startTime: second,
      ...(validUntilBootMs === undefined ? {} : { validUntilBootMs }),
      ...(cgroup === undefined ? {} : { cgroup: decodeURIComponent(cgroup) }),
    })
    return true
  }

  get(pid: number): GuardedGroup | undefined {
    return this.#groups.get(pid)
  }

  add(group: GuardedGroup): void {
    this.#groups.set(group.pid, group)
  }

  /** The pipe has ended: the Worker is dead, or has closed it after all its groups were gone. */
  orphan(nowBootMs: number): void {
    this.#orphanedAtBootMs ??= nowBootMs
  }

  /**
   * The Worker is about to restart. Its groups live without it until then, and not longer, even if its
   * process should stay.
   */
  outlive(untilBootMs: number): void {
    this.#outliveUntilBootMs = untilBootMs
  }

  /** A next Worker process takes all over. False: it comes too late, or no restart was announced. */
  adopt(nowBootMs: number): boolean {
    if (this.#outliveUntilBootMs === undefined || nowBootMs >= this.#outliveUntilBootMs) return false
    this.#outliveUntilBootMs = undefined
    this.#orphanedAtBootMs = undefined
    return true
  }

  get isOrphaned(): boolean {
    return this.#orphanedAtBootMs !== undefined
  }

  /** True: there is nothing left to wait for. */
  isDone(nowBootMs: number): boolean {
    if (this.#groups.size > 0 || this.#orphanedAtBootMs === undefined) return false
    return nowBootMs >= (this.#outliveUntilBootMs ?? Number.NEGATIVE_INFINITY)
  }

  get groups(): GuardedGroup[] {
    return [...this.#groups.values()]
  }

  /** Groups whose time has come. They stay in the ledger until `forget`. */
  due(nowBootMs: number): GuardedGroup[] {
    return this.groups.filter((group) => this.#deadline(group) <= nowBootMs)
  }

  /** No process of this group is left. */
  forget(pid: number): void {
    this.#groups.delete(pid)
  }

  /** When the next group is due; undefined if none will be without a further line. */
  nextDeadline(): number | undefined {
    const deadlines = this.groups.map((group) => this.#deadline(group)).filter(Number.isFinite)
    // Without a group only the guard itself still waits, for the next Worker process.
    if (this.isOrphaned && this.#outliveUntilBootMs !== undefined) deadlines.push(this.#outliveUntilBootMs)
    return deadlines.length === 0 ? undefined : Math.min(...deadlines)
  }

  #deadline({ validUntilBootMs = Number.POSITIVE_INFINITY }: GuardedGroup): number {
    const orphanDeadline =
      this.#outliveUntilBootMs ??
      (this.#orphanedAtBootMs === undefined
        ? Number.POSITIVE_INFINITY
        : this.#orphanedAtBootMs + this.#graceMs)
    return Math.min(validUntilBootMs, orphanDeadline)
  }
}

export function addLine({ pid, startTime, validUntilBootMs, cgroup }: GuardedGroup): string {
  const until = validUntilBootMs === undefined ? '-' : Math.floor(validUntilBootMs)
  const group = cgroup === undefined ? '' : ` ${encodeURIComponent(cgroup)}`
  return until === '-' && group === ''
    ? `add ${pid} ${startTime}`
    : `add ${pid} ${startTime} ${until}${group}`
}

export function removeLine(pid: number): string {
  return removeVerb + pid
}

export function graceLine(ms: number): string {
  return `grace ${Math.floor(ms)}`
}
