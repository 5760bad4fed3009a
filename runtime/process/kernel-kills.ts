import { readFileSync } from 'node:fs'
import { innerLimits } from '../inner-limits.js'

/* Whether the kernel has killed processes for lack of memory. It counts them, and anybody may read that. */

/** In `memory.events` (cgroup v2), `memory.oom_control` (v1) and `/proc/vmstat` the line is the same. */
export function killsIn(text: string): number | undefined {
  const [, count] = /^oom_kill (\d+)$/m.exec(text) ?? []
  return count === undefined ? undefined : Number(count)
}

/**
 * Files with the count, best first: of the group that this process is in, with all that it started, then of
 * the whole machine. `cgroups` is the text of `/proc/self/cgroup`. In a container the path may be one of its
 * host, and its own group is then at the top.
 */
export function countFiles(cgroups: string): string[] {
  const files: string[] = []
  for (const [, controllers = '', path = '/'] of cgroups.matchAll(/^\d+:([^:\n]*):(\/.*)$/gm)) {
    const isV2 = controllers === ''
    if (!isV2 && !controllers.split(',').includes('memory')) continue
    const [top, file] = isV2
      ? ['/sys/fs/cgroup', 'memory.events']
      : ['/sys/fs/cgroup/memory', 'memory.oom_control']
    files.push(`${top}${path === '/' ? '' : path}/${file}`, `${top}/${file}`)
  }
  return [...new Set(files), '/proc/vmstat']
}

type ReadCount = () => number | undefined

/** Reads the first of these files that has a count; undefined: none has. */
function kernelCount(): ReadCount {
  const count = (file: string): number | undefined => {
    try {
      return killsIn(readFileSync(file, 'utf8'))
    } catch {
      // Not this system, or not allowed.
      return undefined
    }
  }
  let cgroups = ''
  try {
    cgroups = readFileSync('/proc/self/cgroup', 'utf8')
  } catch {
    // Not Linux.
  }
  const file = countFiles(cgroups).find((candidate) => count(candidate) !== undefined)
  return () => (file === undefined ? undefined : count(file))
}

/** Looks at the count now and then, so that it can say whether a kill is recent. */
export class KernelKills {
  readonly #read: ReadCount
  readonly #nowMs: () => number
  /** Oldest first. The first one is older than the time within which a kill is recent, if any is. */
  #looks: { readonly atMs: number; readonly count: number }[] = []

  constructor(read: ReadCount = kernelCount(), nowMs: () => number = () => performance.now()) {
    this.#read = read
    this.#nowMs = nowMs
  }

  look(): void {
    const count = this.#read()
    if (count === undefined) return
    const atMs = this.#nowMs()
    this.#looks.push({ atMs, count })
    const isOld = (look: { readonly atMs: number } | undefined): boolean =>
      look !== undefined && look.atMs <= atMs - innerLimits.kernelKillMs
    while (isOld(this.#looks[1])) this.#looks.shift()
  }

  /** Whether the kernel killed a process a moment ago; undefined: nobody can say. */
  hasKilled(): boolean | undefined {
    const [before] = this.#looks
    const count = this.#read()
    return before === undefined || count === undefined ? undefined : count > before.count
  }
}
