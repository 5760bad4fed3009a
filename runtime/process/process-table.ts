import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { innerLimits } from '../inner-limits.js'
import { isDescriptorShortage, withSpareDescriptor } from './descriptors.js'
import { type ProcessEntry, parseProcStat } from './proc-stat.js'

export type { ProcessEntry } from './proc-stat.js'

export type ProcessTable = ReadonlyMap<number, ProcessEntry>

/** Parses one line of `ps -o pid=,ppid=,pgid=,stat=,lstart=`; undefined if the line is something else. */
export function parsePsLine(line: string): ProcessEntry | undefined {
  const [pid, parentPid, groupId, state, ...started] = line.trim().split(/\s+/)
  if (!(Number(pid) > 0) || state === undefined || started.length === 0) return undefined
  return {
    pid: Number(pid),
    parentPid: Number(parentPid),
    groupId: Number(groupId),
    sessionId: 0,
    state: state.slice(0, 1),
    startTime: started.join('_'),
  }
}

/**
 * All processes of this machine. Costs about 10 us per process on Linux, and a run of `ps` elsewhere. Throws
 * EMFILE or ENFILE if it could not look: with gaps in the table, living processes would count as dead.
 */
export function readProcessTable(): ProcessTable {
  const entries = process.platform === 'linux' ? withSpareDescriptor(procEntries) : psEntries(['-A'])
  const table = new Map<number, ProcessEntry>()
  for (const entry of entries) table.set(entry.pid, entry)
  return table
}

/** How old a shared table may be: far less than the kernel takes to use a pid again. */
const SHARED_TABLE_MS = innerLimits.processTableMs
let shared: { readonly table: ProcessTable; readonly readAtMs: number } | undefined

/** Like `readProcessTable`, but many callers at once (a Worker that stops 100 children) share one look. */
export function recentProcessTable(): ProcessTable {
  const now = performance.now()
  if (shared === undefined || now - shared.readAtMs > SHARED_TABLE_MS) {
    shared = { table: readProcessTable(), readAtMs: now }
  }
  return shared.table
}

/**
 * One process, which may be a zombie; undefined if there is none. Throws EMFILE or ENFILE as the table does.
 */
export function readProcess(pid: number): ProcessEntry | undefined {
  if (process.platform !== 'linux') return psEntries(['-p', String(pid)])[0]
  return withSpareDescriptor(() => procEntry(String(pid)))
}

/**
 * False for a zombie: it runs no code and holds no memory, and only waits for its parent to collect its exit.
 */
export function isRunning(entry: ProcessEntry): boolean {
  return entry.state !== 'Z' && entry.state.toUpperCase() !== 'X'
}

function procEntries(): ProcessEntry[] {
  const entries: ProcessEntry[] = []
  for (const name of readdirSync('/proc')) {
    const first = name.charCodeAt(0)
    if (first < 48 || first > 57) continue
    const entry = procEntry(name)
    if (entry !== undefined) entries.push(entry)
  }
  return entries
}

function procEntry(name: string): ProcessEntry | undefined {
  try {
    return parseProcStat(readFileSync(`/proc/${name}/stat`, 'latin1'))
  } catch (error) {
    if (isDescriptorShortage(error)) throw error
    // It ended between the listing and the look.
    return undefined
  }
}

function psEntries(selection: readonly string[]): ProcessEntry[] {
  const { stdout, error } = spawnSync('ps', [...selection, '-o', 'pid=,ppid=,pgid=,stat=,lstart='], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
  })
  if (isDescriptorShortage(error)) throw error
  const entries: ProcessEntry[] = []
  for (const line of (stdout ?? '').split('\n')) {
    const entry = parsePsLine(line)
    if (entry !== undefined) entries.push(entry)
  }
  return entries
}
