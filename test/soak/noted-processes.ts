import { identityOf, isAlive } from '../../runtime/process/find-process.js'

/* Identifies a process by its pid and start time. A pid is used again, but not with the same start time. */

export const noteOf = (pid: number): string => `${pid}/${identityOf(pid)?.startTime ?? 'gone'}`

export function isNotedAlive(note: string): boolean {
  const [pid, startTime] = note.split('/')
  return isAlive({ pid: Number(pid), startTime: startTime! })
}
