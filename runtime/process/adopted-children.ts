import { readFileSync } from 'node:fs'
import { withSpareDescriptor } from './descriptors.js'
import { parseProcStat } from './proc-stat.js'

const read = (path: string): string => withSpareDescriptor(() => readFileSync(path, 'latin1'))

/**
 * The children of this process that its main thread has, among them all whose own thread has ended: the
 * kernel gives those to it. Undefined where the system does not tell, which is everywhere but on Linux.
 */
function childrenOfMainThread(): readonly number[] | undefined {
  const path = `/proc/self/task/${process.pid}/children`
  try {
    // The kernel may leave one out while another goes, but not twice.
    const pids = `${read(path)} ${read(path)}`.split(' ').filter(Boolean).map(Number)
    return [...new Set(pids)]
  } catch {
    return undefined
  }
}

function isChild(pid: number): boolean {
  try {
    return parseProcStat(read(`/proc/${pid}/stat`))?.parentPid === process.pid
  } catch {
    return false
  }
}

export interface ChildLook {
  /** Undefined: the system does not tell. */
  children(): readonly number[] | undefined
  /** False: it is gone, or its pid is that of a process of others. */
  isChild(pid: number): boolean
}

/**
 * Whose each child is whose own thread has ended. Only a Worker of an owner leaves such children, and nobody
 * knows which Worker it was. So a child may be of each owner that had a Worker when it was first seen, and it
 * is ended with the last of them: it is never taken from one that lives. A child is known by its pid as long
 * as it is ours: none has the pid of another.
 */
export class AdoptedChildren<Owner> {
  readonly #look: ChildLook
  /** Whose each may be. Empty: it is nobody's, and stays. */
  readonly #owners = new Map<number, Set<Owner>>()
  /** How many Workers each owner has. */
  readonly #workers = new Map<Owner, number>()

  constructor(look: ChildLook = { children: childrenOfMainThread, isChild }) {
    this.#look = look
  }

  /** All that are there stay. */
  keepAll(): void {
    for (const pid of this.#look.children() ?? []) this.keep(pid)
  }

  keep(pid: number): void {
    this.#owners.set(pid, new Set())
  }

  /** This process has collected it: another may get the pid. */
  forget(pid: number): void {
    this.#owners.delete(pid)
  }

  workerBegan(owner: Owner): void {
    this.#workers.set(owner, (this.#workers.get(owner) ?? 0) + 1)
  }

  /** Call it when the kernel has given away what the Worker has left. */
  workerEnded(owner: Owner): void {
    const workers = this.#workers.get(owner)
    // The owner has ended before.
    if (workers === undefined) return
    this.#see()
    if (workers > 1) this.#workers.set(owner, workers - 1)
    else this.#workers.delete(owner)
  }

  /** The owner and its Workers have ended. Returns the children that are to end with it. */
  end(owner: Owner): readonly number[] {
    const children = this.#see()
    this.#workers.delete(owner)
    const orphans = children.filter((pid) => this.#owners.get(pid)?.has(owner))
    for (const owners of this.#owners.values()) owners.delete(owner)
    return orphans.filter((pid) => this.#owners.get(pid)?.size === 0)
  }

  #see(): readonly number[] {
    const children = this.#look.children()
    if (children === undefined) return []
    for (const pid of this.#owners.keys()) {
      if (!children.includes(pid) && !this.#look.isChild(pid)) this.#owners.delete(pid)
    }
    for (const pid of children) {
      if (!this.#owners.has(pid)) this.#owners.set(pid, new Set(this.#workers.keys()))
    }
    return children
  }
}
