import type { MemoryExcess } from '../../../runtime/process/memory-watch.js'
import type { KnownMembers } from '../../../runtime/process/process-group.js'
import type { ProcessName } from '../worker-events.js'

/** A running process of this Worker, as the next process of a planned restart takes it back. */
export interface SavedProcess {
  readonly process: ProcessName
  readonly pid: number
  /** Together with the pid it names exactly this process. */
  readonly startTime: string
  /** Of its output files. */
  readonly folder: string
  readonly memoryMib: number
  readonly maxMemoryMib?: number
  /** Where its standard output begins, in bytes ever written to that file. */
  readonly outputFrom: number
  readonly validUntilBootMs?: number
  /** It was told to stop, and is killed then, by the boot clock. */
  readonly killAtBootMs?: number
  readonly excess?: MemoryExcess
  /** What belongs to it, as far as it was seen. */
  readonly known: KnownMembers
}
