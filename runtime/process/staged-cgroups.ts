import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf } from '../errors.js'
import {
  type CgroupHome,
  type CgroupLimits,
  makeCgroup,
  ownCgroup,
  removeCgroup,
  writeLimits,
} from './cgroup-files.js'

export interface Taken {
  /** Undefined: the process gets no group. */
  readonly path?: string
  readonly problem?: string
}

/**
 * The groups of what a guard starts. A process is in the group of who starts it, from its first moment. So
 * the guard itself waits in a fresh group, starts one process there, and goes on to the next. A move waits
 * for the kernel, about 10 ms: it comes after the start was told.
 */
export class StagedCgroups {
  readonly #home: CgroupHome
  /** What has ended, and may still be in use for a moment. */
  readonly #ended = new Set<string>()
  readonly #origin: string
  readonly #prefix: string
  #count = 0
  #staged: string | undefined

  /** `guard`: tells its groups from those of others. */
  constructor(home: CgroupHome, guard: { readonly pid: number; readonly startTime: string }) {
    this.#home = home
    this.#origin = ownCgroup() ?? ''
    this.#prefix = `${guard.pid}.${guard.startTime}`
  }

  /** Does nothing if it waits in one. */
  stage(): string | undefined {
    if (this.#staged !== undefined) return undefined
    const path = join(this.#home.path, `${this.#prefix}.${++this.#count}`)
    try {
      // The folder may have been removed while it was empty.
      for (const folder of [this.#home.path, path]) makeCgroup(folder)
      this.#moveTo(path)
      this.#staged = path
      return undefined
    } catch (error) {
      this.#moveBack()
      removeCgroup(path)
      return reasonOf(error)
    }
  }

  /** From now on this group is that of the process which is started next. Then `stage` must come. */
  take(limits: CgroupLimits): Taken {
    const unstaged = this.stage()
    const path = this.#staged
    if (path === undefined) return { problem: unstaged ?? 'there is no group' }
    this.#staged = undefined
    if (!this.#home.hasLimits) return { path }
    try {
      writeLimits(path, limits)
      return { path }
    } catch (error) {
      return { path, problem: reasonOf(error) }
    }
  }

  get home(): CgroupHome {
    return this.#home
  }

  /** Nothing of it is left, or nothing was started in it. */
  ended(path: string): void {
    this.#ended.add(path)
    for (const one of this.#ended) if (removeCgroup(one)) this.#ended.delete(one)
  }

  /** Out of every group that could be ended. */
  leave(): void {
    const staged = this.#staged
    this.#staged = undefined
    this.#moveBack()
    if (staged !== undefined) this.ended(staged)
    for (const path of [join(this.#home.path, 'own'), this.#home.path]) removeCgroup(path)
  }

  /** The guard must not stay in the group of what it has started, which may be ended. */
  #moveBack(): void {
    try {
      this.#moveTo(this.#origin)
    } catch {
      // It stays until the next start.
    }
  }

  #moveTo(path: string): void {
    writeFileSync(join(path, 'cgroup.procs'), '0')
  }
}
