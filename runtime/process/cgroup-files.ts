import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/* Control groups (cgroup v2): folders whose files the kernel reads and writes. */

/** All that its work is bounded by; absent limits are those of the machine. */
export interface CgroupLimits {
  readonly memoryBytes: number
  /** The share of processor time when others want it too; 100 is the usual one. */
  readonly cpuWeight: number
  readonly processes: number
}

/** The folder of one Worker: the groups of its work lie in it. */
export interface CgroupHome {
  readonly path: string
  /** The kernel keeps limits there. Without, a group only tells what belongs to it, and ends it. */
  readonly hasLimits: boolean
}

/**
 * The folder of the group of this process, from `/proc/self/cgroup` and `/proc/self/mountinfo`; undefined:
 * this machine has no cgroup v2, or this process does not see its own group.
 */
export function cgroupFolder(cgroups: string, mounts: string): string | undefined {
  const [, path] = /^0::(\/.*)$/m.exec(cgroups) ?? []
  const [, mountPoint] = /^\d+ \d+ \S+ \/ (\S+) .* - cgroup2 /m.exec(mounts) ?? []
  if (path === undefined || mountPoint === undefined || path.split('/').includes('..')) return undefined
  return path === '/' ? mountPoint : join(mountPoint, path)
}

/** That of this process; undefined as above. */
export function ownCgroup(): string | undefined {
  try {
    return cgroupFolder(
      readFileSync('/proc/self/cgroup', 'utf8'),
      readFileSync('/proc/self/mountinfo', 'utf8'),
    )
  } catch {
    return undefined
  }
}

/** Makes a group, if there is none. Not recursive: `mkdir` of Node never ends in a folder such as /proc. */
export function makeCgroup(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Processes in it, without those of groups inside. Empty if it is gone. */
export function cgroupMembers(path: string): number[] {
  try {
    return readFileSync(join(path, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** SIGKILL for all in it at once, also for what they start meanwhile. Before Linux 5.14 it does nothing. */
export function killCgroup(path: string): void {
  try {
    writeFileSync(join(path, 'cgroup.kill'), '1')
  } catch {
    // It is gone, or the kernel is older: its members are killed one by one.
  }
}

/** True: it is gone. It stays while something lives in it. */
export function removeCgroup(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

export function writeLimits(path: string, { memoryBytes, cpuWeight, processes }: CgroupLimits): void {
  const write = (name: string, value: number | string): void => writeFileSync(join(path, name), String(value))
  write('memory.max', memoryBytes)
  // A part of it would leave the rest waiting for what was killed.
  write('memory.oom.group', 1)
  write('cpu.weight', cpuWeight)
  write('pids.max', processes)
  try {
    write('memory.swap.max', 0)
  } catch {
    // A machine without swap has no such file.
  }
}
