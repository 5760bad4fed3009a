import { existsSync, readFileSync } from 'node:fs'
import { isRunning, readProcess } from '../../runtime/process/process-table.js'

/* Commands for tasks that block a thread for ever, and what is left of them. */

export const isAlive = (pid: number): boolean => {
  const entry = readProcess(pid)
  return entry !== undefined && isRunning(entry)
}

/** Process ids in a file that a command of `blockingCommand` wrote, oldest first; none without the file. */
export const pidsIn = (file: string): number[] =>
  existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []

/**
 * Blocks for ever. It notes its pid in `file`, and in `file.beside` each copy that still runs beside it; a
 * zombie runs no more.
 */
export const blockingCommand = (file: string): string =>
  `for p in $(cat ${file} 2>/dev/null); do
     case $(cut -d' ' -f3 /proc/$p/stat 2>/dev/null) in ''|Z|X) ;; *) echo $p >> ${file}.beside ;; esac
   done
   echo $$ >> ${file}; exec sleep 600`
