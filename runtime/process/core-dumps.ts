import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { innerLimits } from '../inner-limits.js'

/** The soft limit of core dumps in `/proc/PID/limits`: `0`, `unlimited` or a number of bytes. */
export const coreLimitIn = (text: string): string | undefined =>
  /^Max core file size\s+(\S+)/m.exec(text)?.[1]

function mayDump(): boolean {
  try {
    return coreLimitIn(readFileSync('/proc/self/limits', 'latin1')) !== '0'
  } catch {
    // Not Linux: macOS makes none unless its user asked for them.
    return false
  }
}

/**
 * This process and what it starts leave no core dump when they crash: it would hold the secret of the
 * cluster. Only the soft limit changes, so a program of a user may still allow its own. Resolves to the
 * reason if that is not possible.
 */
export async function denyCoreDumps(): Promise<string | undefined> {
  if (!mayDump()) return undefined
  // Node cannot set a limit of its own process.
  const problem = await new Promise<string | undefined>((resolve) => {
    const asked = ['--pid', String(process.pid), '--core=0:']
    const options = { timeout: innerLimits.coreLimitMs, env: { PATH: process.env.PATH } }
    execFile('prlimit', asked, options, (error) => resolve(error?.message.trim()))
  })
  return problem !== undefined && mayDump() ? problem : undefined
}
