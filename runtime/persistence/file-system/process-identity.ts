import { readFileSync, readlinkSync } from 'node:fs'
import { systemCodeOf } from '../../errors.js'
import { bootId } from '../../process/boot-id.js'
import { parseProcStat } from '../../process/proc-stat.js'
import { isRunning } from '../../process/process-table.js'

/** The process that owns an epoch. Undefined if the system does not tell: then only staleness counts. */
export interface ProcessIdentity {
  readonly pid: number
  /** Boot of the machine, and the namespace of process ids, because containers share a boot. */
  readonly boot: string | undefined
  /** Clock ticks from boot to its start, because process ids are used again. */
  readonly startTime: string | undefined
}

export interface ProcessTable {
  self(): ProcessIdentity
  /** True only if it is proved: the same boot, and no such process any more. */
  isGone(owner: ProcessIdentity): boolean
}

/** Reads /proc. Without it (macOS) no process is ever proved gone. */
export const procTable: ProcessTable = {
  self: () => ({ pid: process.pid, boot: bootOf(), startTime: startTimeOf(process.pid).startTime }),
  isGone(owner) {
    const boot = bootOf()
    if (boot === undefined || owner.boot !== boot || owner.startTime === undefined) return false
    const found = startTimeOf(owner.pid)
    return found.gone || (found.startTime !== undefined && found.startTime !== owner.startTime)
  },
}

function bootOf(): string | undefined {
  const boot = bootId()
  if (boot === '') return undefined
  try {
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return undefined
  }
}

function startTimeOf(pid: number): { gone: boolean; startTime: string | undefined } {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    // Any other failure to read it proves nothing.
    return { gone: ['ENOENT', 'ESRCH'].includes(systemCodeOf(error)), startTime: undefined }
  }
  const entry = parseProcStat(stat)
  return { gone: entry !== undefined && !isRunning(entry), startTime: entry?.startTime }
}
