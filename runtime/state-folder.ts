import { readFileSync, type Stats, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FiresteelError, reasonOf, systemCodeOf } from './errors.js'
import { readProcess } from './process/process-table.js'
import { systemError } from './system-error.js'

/*
 * The folder `.firesteel/` of a cluster: its secret, the addresses of its Masters, its launcher. Commands and
 * connect() find it from every folder below, as git finds its own.
 */

/** Name of the folder in the working folder. */
export const STATE_FOLDER = '.firesteel'

/** Its file in that folder, and the name of the credential that replaces it. */
export const SECRET_FILE = 'secret'

/** A token that is kept there, and the name of the credential that replaces it. */
export const TOKEN_FILE = 'token'

export const tokenPath = (folder: string): string => join(folder, TOKEN_FILE)
export const secretPath = (folder: string): string => join(folder, SECRET_FILE)
export const clusterPath = (folder: string): string => join(folder, 'cluster.json')
export const launcherPath = (folder: string): string => join(folder, 'up.json')

/** Write bits of the group and of others. */
const FOREIGN_WRITE = 0o022
const FOREIGN_READ = 0o044

/**
 * The nearest state folder, in `cwd` or above; undefined if there is none. Throws FOLDER_UNTRUSTED for one
 * that another user made or may change, because it decides with whom this process talks.
 */
export function findStateFolder(cwd: string): string | undefined {
  for (let at = cwd; ; at = dirname(at)) {
    const folder = join(at, STATE_FOLDER)
    const files = filesIn(folder).filter((path) => look(path) !== undefined)
    // A folder that another user closed to us is no folder without files.
    if (at === cwd && look(folder) !== undefined) requireOwner(folder)
    if (files.length > 0) {
      const place = at === cwd ? 'here' : 'above'
      for (const path of [folder, ...files]) requireTrust(path, place)
      return folder
    }
    if (dirname(at) === at) return undefined
  }
}

const filesIn = (folder: string): string[] => [
  secretPath(folder),
  clusterPath(folder),
  launcherPath(folder),
  tokenPath(folder),
]

/** Throws FOLDER_UNTRUSTED if another user made this folder or a file of it, or may change them. */
export function requireTrusted(folder: string): void {
  for (const path of [folder, ...filesIn(folder)]) if (look(path) !== undefined) requireTrust(path, 'here')
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCodeOf(error))) return undefined
    throw unreadable(path, error)
  }
}

function untrusted(path: string, why: string, help: string): FiresteelError {
  return new FiresteelError('FOLDER_UNTRUSTED', `${path} ${why}, so it is not trusted.`, {
    place: path,
    help,
  })
}

function requireOwner(path: string): void {
  const found = look(path)
  const uid = process.getuid?.()
  if (found === undefined || uid === undefined) return
  // As git: with sudo, the folder of the user who called it is as good as one of root.
  const owners = [uid, ...(uid === 0 && process.env.SUDO_UID ? [Number(process.env.SUDO_UID)] : [])]
  if (owners.includes(found.uid)) return
  const why = `belongs to user ${found.uid}, not to user ${uid} of this process`
  const help = 'Run this as its owner, or name the cluster with --master and FIRESTEEL_SECRET.'
  throw untrusted(path, why, help)
}

function requireTrust(path: string, place: 'here' | 'above'): void {
  requireOwner(path)
  const mode = look(path)?.mode ?? 0
  if (mode & FOREIGN_WRITE)
    throw untrusted(path, 'may be changed by other users', `Run \`chmod go-w ${path}\`.`)
  // A token was put there by hand, and is good elsewhere.
  const isToken = path.endsWith(`/${TOKEN_FILE}`)
  if ((isToken || (place === 'above' && path.endsWith('secret'))) && mode & FOREIGN_READ)
    throw untrusted(path, 'may be read by other users', `Run \`chmod 600 ${path}\`.`)
}

/** The text of a file; undefined if there is none. Throws FILE_DENIED, CONFIG_UNREADABLE. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause))) return undefined
    throw unreadable(path, cause)
  }
}

function unreadable(path: string, cause: unknown): FiresteelError {
  const message = `${path} cannot be read: ${reasonOf(cause)}.`
  return systemError(cause) ?? new FiresteelError('CONFIG_UNREADABLE', message, { place: path, cause })
}

/** What a launcher says of itself in `up.json`. */
export interface LauncherFile {
  readonly pid: number
  /** Tells it from a later process with this pid. */
  readonly startTime: string
  /** So long its Workers may go on with what they have when it is told to stop. */
  readonly drainMs: number
}

/** The running launcher of this folder; undefined if there is none. */
export function runningLauncher(folder: string): LauncherFile | undefined {
  const text = readIfThere(launcherPath(folder))
  if (text === undefined) return undefined
  let found: { readonly [K in keyof LauncherFile]?: unknown } | null
  try {
    found = JSON.parse(text)
  } catch {
    return undefined
  }
  const { pid, startTime, drainMs } = found ?? {}
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || typeof startTime !== 'string') return undefined
  if (readProcess(pid)?.startTime !== startTime) return undefined
  return { pid, startTime, drainMs: typeof drainMs === 'number' ? drainMs : 0 }
}

/** The pid of the running launcher of this folder; undefined if there is none. */
export const livingLauncher = (folder: string): number | undefined => runningLauncher(folder)?.pid
