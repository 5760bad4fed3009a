import { cgroupMembers } from './cgroup-files.js'
import type { ProcessIdentity } from './find-process.js'
import { isRunning, type ProcessEntry, type ProcessTable, readProcess } from './process-table.js'

export interface GroupOptions {
  /** The leader has a session and group of its own. Otherwise only its descendants count. */
  readonly ownGroup: boolean
  /**
   * Also follow descendants that left the group (setsid). Off for our own nodes: what a Worker starts belongs
   * to the Worker and its guard.
   */
  readonly followDescendants: boolean
  /** Folder of its control group. All in that belongs to it, also a daemon that left everything else. */
  readonly cgroup?: string | undefined
  /** Is in the control group for a moment, and never belongs to it. */
  readonly starter?: number | undefined
  /** SIGKILL for all in the control group at once. */
  readonly killAll?: (() => void) | undefined
}

/** Members that were seen at the last look, as pid and start time. */
export type KnownMembers = readonly (readonly [pid: number, startTime: string])[]

/**
 * Knows which processes belong to a process that we started: its group, its session, and their descendants. A
 * process that was once seen as a descendant stays known after its parents have ended.
 *
 * Limit: without a control group, one kind of process cannot be told from a stranger. It left the session,
 * and its parents ended before the next look (a daemon that forks twice within one look, a second at most for
 * what a Worker runs).
 */
export class GroupFollower {
  readonly identity: ProcessIdentity
  readonly #options: GroupOptions
  #known: Map<number, string>

  constructor(identity: ProcessIdentity, options: GroupOptions, known: KnownMembers = []) {
    this.identity = identity
    this.#options = options
    this.#known = new Map(known)
    this.hasEscaped = known.length > 0
  }

  /** For the follower that goes on in another process. */
  get known(): KnownMembers {
    return [...this.#known]
  }

  get ownGroup(): boolean {
    return this.#options.ownGroup
  }

  /**
   * True if the last look saw a process outside of the group: then it is not enough to ask the kernel for the
   * group.
   */
  hasEscaped: boolean

  /** Also those that no table of a moment ago has. */
  cgroupMembers(): readonly number[] {
    const { cgroup, starter } = this.#options
    if (cgroup === undefined) return []
    return cgroupMembers(cgroup).filter((pid) => pid !== process.pid && pid !== starter)
  }

  /** True: it has a control group, and all in it were sent SIGKILL. */
  killAll(): boolean {
    this.#options.killAll?.()
    return this.#options.killAll !== undefined
  }

  /** All running members in this table. Remembers them for the next look. */
  members(table: ProcessTable): ProcessEntry[] {
    const { pid } = this.identity
    const members = new Map<number, ProcessEntry>()
    for (const seed of this.#seeds(table)) members.set(seed.pid, seed)
    if (this.#options.followDescendants && members.size > 0) addDescendants(members, table)
    // Whatever the table says, this process and init are never members.
    members.delete(process.pid)
    members.delete(1)
    members.delete(0)

    const found = [...members.values()]
    // Between fork and setsid a node's child is in the node's group. To remember it would claim it.
    if (this.#options.followDescendants) {
      this.#known = new Map(found.map((entry) => [entry.pid, entry.startTime]))
    }
    this.hasEscaped = found.some((entry) => entry.groupId !== pid)
    return found
  }

  #seeds(table: ProcessTable): ProcessEntry[] {
    const { pid, startTime } = this.identity
    const leader = table.get(pid)
    // A pid is not used again while a group or session of that number lives. So another leader means that
    // ours ended long ago.
    const ours = leader === undefined || leader.startTime === startTime
    const seeds: ProcessEntry[] = []
    for (const member of this.cgroupMembers()) {
      // A table of a moment ago may not have it.
      const entry = table.get(member) ?? readProcess(member)
      if (entry && isRunning(entry)) seeds.push(entry)
    }
    for (const entry of table.values()) {
      if (!isRunning(entry)) continue
      const inGroup = entry.groupId === pid || (this.#options.followDescendants && entry.sessionId === pid)
      const belongs = this.#options.ownGroup ? inGroup : entry.pid === pid
      if ((ours && belongs) || this.#known.get(entry.pid) === entry.startTime) seeds.push(entry)
    }
    return seeds
  }
}

function addDescendants(members: Map<number, ProcessEntry>, table: ProcessTable): void {
  const childrenOf = new Map<number, ProcessEntry[]>()
  for (const entry of table.values()) {
    const siblings = childrenOf.get(entry.parentPid)
    if (siblings === undefined) childrenOf.set(entry.parentPid, [entry])
    else siblings.push(entry)
  }
  // Iterating a Map also visits what is added meanwhile.
  for (const member of members.values()) {
    for (const child of childrenOf.get(member.pid) ?? []) {
      if (isRunning(child) && !members.has(child.pid)) members.set(child.pid, child)
    }
  }
}
