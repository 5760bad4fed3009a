import { readFileSync } from 'node:fs'
import { withSpareDescriptor } from './descriptors.js'

/**
 * The children of this process that its main thread has, among them all whose own thread has ended: the
 * kernel gives those to it. Undefined where the system does not tell, which is everywhere but on Linux.
 */
function childrenOfMainThread(): readonly number[] | undefined {
  try {
    const text = withSpareDescriptor(() => readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1'))
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    return undefined
  }
}

/**
 * To which owner each child belongs whose own thread has ended. A child is known by its pid as long as it is
 * among them: none has the pid of another.
 */
export class AdoptedChildren<Owner> {
  readonly #look: () => readonly number[] | undefined
  readonly #owners = new Map<number, Owner>()

  constructor(look: () => readonly number[] | undefined = childrenOfMainThread) {
    this.#look = look
  }

  /** A child belongs to `owner` before anybody can claim it. */
  keep(pid: number, owner: Owner): void {
    this.#owners.set(pid, owner)
  }

  /** This process has collected it: another may get the pid. */
  forget(pid: number): void {
    this.#owners.delete(pid)
  }

  /** Whom nobody owns yet belongs to `owner` from now on. Returns all that do. */
  claim(owner: Owner): readonly number[] {
    const children = this.#look()
    if (children === undefined) return []
    for (const pid of this.#owners.keys()) if (!children.includes(pid)) this.#owners.delete(pid)
    for (const pid of children) if (!this.#owners.has(pid)) this.#owners.set(pid, owner)
    return children.filter((pid) => this.#owners.get(pid) === owner)
  }
}
