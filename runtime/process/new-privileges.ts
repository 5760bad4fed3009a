import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where a program is, as the shell would find it; undefined: nowhere. */
export function findProgram(name: string, path = process.env.PATH ?? ''): string | undefined {
  for (const folder of path.split(delimiter)) {
    const candidate = join(folder, name)
    try {
      if (folder === '') continue
      accessSync(candidate, constants.X_OK)
      return candidate
    } catch {
      // Not there.
    }
  }
  return undefined
}

/**
 * The command line under which a process, and all that it ever starts, gains no privileges: a set-user-id
 * program such as sudo runs with the rights of its caller. Unchanged where no program does that.
 */
export function withoutNewPrivileges(command: string, args: readonly string[], path?: string): string[] {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv', path) : undefined
  return setpriv === undefined ? [command, ...args] : [setpriv, '--no-new-privs', command, ...args]
}

/** Whether this process may gain privileges, as the kernel says it; undefined: the kernel does not say. */
export function mayGainPrivileges(pid: number): boolean | undefined {
  try {
    const [, flag] = /^NoNewPrivs:\s+(\d)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return flag === undefined ? undefined : flag === '0'
  } catch {
    return undefined
  }
}
