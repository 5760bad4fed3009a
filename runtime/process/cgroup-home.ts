import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { MIB_BYTES } from '../units.js'
import {
  type CgroupHome,
  type CgroupLimits,
  killCgroup,
  makeCgroup,
  ownCgroup,
  removeCgroup,
} from './cgroup-files.js'
import { readProcess } from './process-table.js'

export interface CgroupHomeOptions {
  /** Of the Worker. */
  readonly name: string
  readonly workDir: string
  /** Folder in which that of the Worker is made. Default: the group of this process. */
  readonly parent?: string | undefined
  /** Tests: the group of this process. */
  readonly own?: string | undefined
}

const CONTROLLERS = ['memory', 'cpu', 'pids'] as const

const words = (path: string): string[] => {
  try {
    return readFileSync(path, 'utf8').split(/\s+/)
  } catch {
    return []
  }
}

/** False: the kernel gives groups in this folder no limits. */
function hasControllers(folder: string): boolean {
  const has = words(join(folder, 'cgroup.controllers'))
  return CONTROLLERS.every((name) => has.includes(name))
}

/** True: groups in this folder have limits. */
function enable(folder: string): boolean {
  const control = join(folder, 'cgroup.subtree_control')
  const lacks = (): boolean => CONTROLLERS.some((name) => !words(control).includes(name))
  if (!hasControllers(folder)) return false
  if (!lacks()) return true
  try {
    writeFileSync(control, CONTROLLERS.map((name) => `+${name}`).join(' '))
  } catch {
    // Not ours to change, or processes are in it: then the kernel lets no group inside have limits.
  }
  return !lacks()
}

/** False: a Worker in this folder surely gets no reserve, so nothing must wait for it. */
export function mayReserve({ own = ownCgroup(), parent = own }: Partial<CgroupHomeOptions>): boolean {
  return parent !== undefined && hasControllers(parent)
}

/** Resolves to why no process can be moved to that group and back; undefined: it can. */
function tryMove(trial: string, own: string): Promise<string | undefined> {
  // A process of its own goes there and back, so that nothing of ours can stay there. The kernel takes its
  // time for each move, about 10 ms.
  const script = 'echo 0 > "$1/cgroup.procs" && echo 0 > "$2/cgroup.procs"'
  return new Promise((resolve) => {
    execFile('sh', ['-c', script, 'sh', trial, own], (error, _, stderr) =>
      resolve(error ? stderr.trim() || `no process can be moved to ${dirname(trial)}` : undefined),
    )
  })
}

/**
 * Makes the folder in which the work of this Worker has its groups. The reason as text: it has none here,
 * which costs what docs/security.md says.
 */
export async function openCgroupHome(options: CgroupHomeOptions): Promise<CgroupHome | string> {
  const { name, workDir, own = ownCgroup(), parent = own } = options
  if (own === undefined || parent === undefined) return 'this system has no cgroup v2'
  const id = createHash('sha256').update(workDir).digest('hex').slice(0, 8)
  const path = join(parent, `firesteel-${name}-${id}`)
  const trial = join(path, 'trial')
  try {
    for (const folder of [parent, path, trial]) makeCgroup(folder)
    const hasLimits = enable(parent) && enable(path)
    const problem = await tryMove(trial, own)
    removeCgroup(trial)
    if (problem === undefined) return { path, hasLimits }
    removeCgroup(path)
    return problem
  } catch (error) {
    removeCgroup(trial)
    removeCgroup(path)
    return reasonOf(error)
  }
}

/** What the kernel keeps for the Worker and its guard, whatever the work does. The guard is started later. */
export function reserveForWorker({ path }: CgroupHome): void {
  const own = join(path, 'own')
  makeCgroup(own)
  const reserve = limits.workerReserveMib * MIB_BYTES
  for (const folder of [path, own]) writeFileSync(join(folder, 'memory.min'), String(reserve))
  writeFileSync(join(own, 'cpu.weight'), String(innerLimits.cgroupWeightMost))
  writeFileSync(join(own, 'cgroup.procs'), String(process.pid))
}

/** Groups that guards have made which are dead. */
function leftGroups(path: string): string[] {
  const names = readdirSync(path).filter((name) => {
    const [, pid, startTime] = /^(\d+)\.([^.]+)\.\d+$/.exec(name) ?? []
    return pid !== undefined && readProcess(Number(pid))?.startTime !== startTime
  })
  return names.map((name) => join(path, name))
}

/**
 * Ends what guards have left that are dead, such as one that was killed together with its Worker. Returns
 * how many groups there were.
 */
export function endLeftCgroups({ path }: CgroupHome): number {
  const left = leftGroups(path).filter((group) => !removeCgroup(group))
  for (const group of left) killCgroup(group)
  return left.length
}

/** Removes the empty folders of Workers that were killed, and that no Worker of their name follows. */
export function removeLeftHomes({ path }: CgroupHome): void {
  const parent = dirname(path)
  for (const name of readdirSync(parent)) {
    const home = join(parent, name)
    if (!name.startsWith('firesteel-') || home === path) continue
    const left = leftGroups(home)
    // One without any may be that of a Worker which starts at this moment.
    if (left.length > 0 && left.every(removeCgroup)) removeCgroup(home)
  }
}

/** What the kernel holds a piece of work to: our own watch and V8 speak first, because they say more. */
export function limitsOf({
  cores,
  memoryMib,
}: {
  readonly cores: number
  readonly memoryMib: number
}): CgroupLimits {
  return {
    memoryBytes: Math.ceil(memoryMib * innerLimits.cgroupMemoryShare) * MIB_BYTES,
    cpuWeight: Math.min(innerLimits.cgroupWeightMost, 100 * cores),
    processes: limits.workProcesses,
  }
}
