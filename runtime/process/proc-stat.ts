/**
 * One process as the kernel lists it. With `startTime` a pid names one process uniquely, although pids are
 * used again.
 */
export interface ProcessEntry {
  readonly pid: number
  readonly parentPid: number
  readonly groupId: number
  /** 0 if the system does not tell. */
  readonly sessionId: number
  /** As the kernel writes it: R, S, D, T (stopped), Z (zombie), X or x (dead). */
  readonly state: string
  /** Linux: clock ticks since boot; elsewhere the date that `ps` prints. Never contains white space. */
  readonly startTime: string
}

/** Parses `/proc/PID/stat`; undefined if the text is something else. */
export function parseProcStat(text: string): ProcessEntry | undefined {
  // The command may hold spaces and brackets. Only its last bracket ends it.
  const commandEnd = text.lastIndexOf(')')
  const pid = Number.parseInt(text, 10)
  const fields = text.slice(commandEnd + 2).split(' ')
  const startTime = fields[19]
  if (commandEnd < 0 || !(pid > 0) || startTime === undefined) return undefined
  return {
    pid,
    parentPid: Number(fields[1]),
    groupId: Number(fields[2]),
    sessionId: Number(fields[3]),
    state: fields[0]!,
    startTime,
  }
}
