import { identityOf, isAlive } from '../../runtime/process/find-process.js'

/* Processes as they were when their pid was heard of: a pid is given again, a start time is not. */

export const noteOf = (pid: number): string => `${pid}/${identityOf(pid)?.startTime ?? 'gone'}`

export function isNotedAlive(note: string): boolean {
  const [pid, startTime] = note.split('/')
  return isAlive({ pid: Number(pid), startTime: startTime! })
}
