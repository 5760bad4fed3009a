import type { CgroupLimits } from './cgroup-files.js'
import type { ProcessExit } from './child-end.js'
import type { ProcessIdentity } from './find-process.js'
import type { Owner } from './run-as.js'

/** All that a guard needs to start one process of its Worker, in a group of its own. */
export interface SpawnRequest {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** The whole environment, with nothing inherited. */
  readonly env: Readonly<Record<string, string>>
  /** Plain files below `within`. The process appends to them. */
  readonly stdout: string
  readonly stderr: string
  readonly within: string
  /** Who it runs as; absent: the user of the guard. */
  readonly owner?: Owner | undefined
  /** Its control group, if its guard has a folder for groups. */
  readonly cgroup?: CgroupLimits | undefined
  /** Written to descriptor 3, which is then closed. */
  readonly boot: string
  /** By the boot clock. From then on it is not started, and the guard kills it. */
  readonly validUntilBootMs?: number | undefined
}

export interface Spawned extends ProcessIdentity {
  /** Folder of its control group: all in it belong to it. */
  readonly cgroup?: string | undefined
  /** Who started it there. It leaves that group a moment later, and never belongs to it. */
  readonly starter?: number | undefined
  /** SIGKILL for all in its control group. Absent: it has none. */
  readonly killAll?: (() => void) | undefined
  /** The end of the process itself. Others of its group may still run. Both null: nobody could learn it. */
  readonly exited: Promise<ProcessExit>
}

/** Starts processes, and ends them if their Worker cannot. */
export interface Spawner {
  /** Rejects with SPAWN_FAILED or FOLDER_MISSING. */
  spawn(request: SpawnRequest): Promise<Spawned>
  /** A process that it has started, and of whose group something may be left. Throws for any other. */
  spawned(pid: number, startTime: string): Spawned
  /** Moves the "valid until" of a group (protocol 8, isolation). */
  extend(pid: number, validUntilBootMs: number): void
  /** No process of the group is left. */
  remove(pid: number): void
}
