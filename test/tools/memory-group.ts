import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'

/* A group of processes with a bound of memory, whose kernel kills what is above it. */

/** Where the groups of this process are, and what their bound is called. Undefined: it may make none. */
function place(): { readonly folder: string; readonly bound: string } | undefined {
  try {
    const groups = readFileSync('/proc/self/cgroup', 'utf8')
    const v1 = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.*)$/m.exec(groups)?.[1]
    if (v1 !== undefined) return { folder: `/sys/fs/cgroup/memory${v1}`, bound: 'memory.limit_in_bytes' }
    const v2 = /^0::(.*)$/m.exec(groups)?.[1] ?? '/'
    return { folder: `/sys/fs/cgroup${v2}`, bound: 'memory.max' }
  } catch {
    return undefined
  }
}

export interface MemoryGroup {
  /** Puts a process into it. What that starts later is in it too. */
  add(pid: number): void
  /** Takes it out again; what it has started meanwhile stays. */
  release(pid: number): void
  /** False: some of its processes have not ended yet. */
  remove(): boolean
}

/** Undefined: this user may not make one, or the system has none. */
export function memoryGroup(name: string, boundMib: number): MemoryGroup | undefined {
  const at = place()
  if (!at) return undefined
  const folder = `${at.folder}/${name}`
  try {
    mkdirSync(folder)
    writeFileSync(`${folder}/${at.bound}`, String(boundMib * 1024 * 1024))
  } catch {
    return undefined
  }
  return {
    add: (pid) => writeFileSync(`${folder}/cgroup.procs`, String(pid)),
    release: (pid) => writeFileSync(`${at.folder}/cgroup.procs`, String(pid)),
    remove: () => {
      try {
        rmdirSync(folder)
        return true
      } catch {
        return false
      }
    },
  }
}
