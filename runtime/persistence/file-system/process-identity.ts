import { readFileSync, readlinkSync } from 'node:fs'
import { codeOf } from './file-ops.js'

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
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return undefined
  }
}

function startTimeOf(pid: number): { gone: boolean; startTime: string | undefined } {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    const gone = codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH'
    return { gone, startTime: undefined }
  }
  // The name in brackets may hold any character, so count from the last bracket: state is field 3, start time field 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ended = fields[0] === 'Z' || fields[0] === 'X' || fields[0] === 'x'
  return { gone: ended, startTime: fields[19] }
}
