import { reasonOf } from '../../runtime/errors.js'
import type { Log } from '../../runtime/observe/log.js'
import type { CgroupHome } from '../../runtime/process/cgroup-files.js'
import {
  endLeftCgroups,
  mayReserve,
  openCgroupHome,
  removeLeftHomes,
  reserveForWorker,
} from '../../runtime/process/cgroup-home.js'
import type { Guard } from '../../runtime/process/guard.js'
import type { Confinement } from '../messages/workers.js'
import type { WorkerConfig } from './worker-config.js'

/* What keeps the work of this Worker within bounds, on this machine. */

export interface ControlGroupsOptions {
  readonly config: WorkerConfig
  readonly log: Log
  /** Absent: no process was this Worker before, and nothing in its groups may live. */
  readonly former?: unknown
}

/** False: the kernel keeps nothing for this Worker, whatever `controlGroups` resolves to. */
export const mayReserveFor = ({ cgroup }: WorkerConfig): boolean =>
  cgroup !== false && mayReserve({ parent: cgroup })

/** Resolves to undefined: there are none, and the log says why. It rejects with nothing. */
export async function controlGroups({
  config,
  log,
  former,
}: ControlGroupsOptions): Promise<CgroupHome | undefined> {
  const { cgroup, name, workDir } = config
  if (cgroup === false) return undefined
  const home = await openCgroupHome({ name, workDir, parent: cgroup })
  if (typeof home === 'string') {
    log[cgroup === undefined ? 'debug' : 'warn']('work has no control groups here', { reason: home })
    return undefined
  }
  try {
    const left = former === undefined ? endLeftCgroups(home) : 0
    if (left > 0) log.warn('ended what an earlier Worker and its guard had left', { groups: left })
    if (home.hasLimits) reserveForWorker(home)
    removeLeftHomes(home)
  } catch (error) {
    log.warn('the control groups of this Worker are not as they should be', { reason: reasonOf(error) })
  }
  return home
}

export function confinementOf(
  { runAs }: WorkerConfig,
  guard: Pick<Guard, 'mayGainPrivileges'>,
  cgroup: CgroupHome | undefined,
): Confinement {
  return {
    limits: cgroup?.hasLimits ? 'cgroup' : 'watch',
    ends: cgroup ? 'cgroup' : 'watch',
    noNewPrivileges: guard.mayGainPrivileges === false,
    ...(runAs && { user: runAs.user }),
  }
}
