import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { livingLauncher, STATE_FOLDER } from '../state-folder.js'

/** Who listens on a port of this machine, as far as this user may know. */
export interface PortHolder {
  readonly pid: number
  /** Its command line, such as `firesteel master m1`. */
  readonly command: string
  /** The folder in which `firesteel up` runs it; undefined: no node of Firesteel. */
  readonly folder: string | undefined
}

/** State of a listening socket in /proc/net/tcp. */
const LISTEN = '0A'
const NODE_TITLE = 'firesteel '

/** Linux only; elsewhere, and for processes of other users, undefined. */
export function portHolder(port: number): PortHolder | undefined {
  try {
    const sockets = new Set(['tcp', 'tcp6'].flatMap((table) => listeners(table, port)))
    if (sockets.size === 0) return undefined
    for (const pid of readdirSync('/proc')) {
      if (/^\d+$/.test(pid) && holds(pid, sockets)) return describe(Number(pid))
    }
  } catch {
    // There is no /proc, or it may not be read. The error says what it knows without it.
  }
  return undefined
}

/** Names of the sockets that listen on a port, as /proc/PID/fd shows them. */
function listeners(table: string, port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync(`/proc/net/${table}`, 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(wanted) && state === LISTEN)
    .map((fields) => `socket:[${fields[9]}]`)
}

function holds(pid: string, sockets: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => sockets.has(link(pid, `fd/${descriptor}`)))
  } catch {
    // It ended meanwhile, or belongs to another user.
    return false
  }
}

function link(pid: string, name: string): string {
  try {
    return readlinkSync(`/proc/${pid}/${name}`)
  } catch {
    return ''
  }
}

function describe(pid: number): PortHolder {
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  const cwd = link(String(pid), 'cwd')
  const isNode = command.startsWith(NODE_TITLE) && livingLauncher(join(cwd, STATE_FOLDER)) !== undefined
  return { pid, command, folder: isNode ? cwd : undefined }
}
