import { readFileSync } from 'node:fs'

/**
 * Memory of one process in KiB: pages of its own and shared memory. Pages of files do not count, because the
 * kernel can drop and read them again.
 */
export interface MemoryUsage {
  readonly anonymousKib: number
  readonly sharedKib: number
}

/**
 * Reads `/proc/PID/status`, where each process counts shared pages in full. It is cheap. Undefined for kernel
 * threads and the like.
 */
export function parseStatusMemory(text: string): MemoryUsage | undefined {
  return usage(text, 'RssAnon', 'RssShmem')
}

/**
 * Reads `/proc/PID/smaps_rollup`. A page shared by n processes counts 1/n in each, so copies after a fork and
 * shared memory count once in a sum. The kernel walks the page tables (ms for each GiB), so use it only for a
 * decision.
 */
export function parseProportionalMemory(text: string): MemoryUsage | undefined {
  return usage(text, 'Pss_Anon', 'Pss_Shmem')
}

export function totalKib(memory: MemoryUsage): number {
  return memory.anonymousKib + memory.sharedKib
}

/** The cheap figure, an upper bound of the exact one; 0 for a process that has ended. */
export function memoryBoundKib(pid: number): number {
  const memory = read(`/proc/${pid}/status`, parseStatusMemory)
  return memory === undefined ? 0 : totalKib(memory)
}

/** The exact figure if the kernel gives it (Linux 5.9 and the right to look), otherwise the bound. */
export function memoryExactKib(pid: number): number {
  const memory = read(`/proc/${pid}/smaps_rollup`, parseProportionalMemory)
  return memory === undefined ? memoryBoundKib(pid) : totalKib(memory)
}

function read(path: string, parse: (text: string) => MemoryUsage | undefined): MemoryUsage | undefined {
  try {
    return parse(readFileSync(path, 'latin1'))
  } catch {
    return undefined
  }
}

function usage(text: string, anonymous: string, shared: string): MemoryUsage | undefined {
  const anonymousKib = field(text, anonymous)
  const sharedKib = field(text, shared)
  return anonymousKib === undefined || sharedKib === undefined ? undefined : { anonymousKib, sharedKib }
}

function field(text: string, name: string): number | undefined {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)
  return match === null ? undefined : Number(match[1])
}
