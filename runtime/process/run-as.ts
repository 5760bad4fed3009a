import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'

/** Who owns a file, or runs a process. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** The user that the work of a Worker runs as. */
export interface RunAs extends Owner {
  /** As the setting names it. */
  readonly user: string
  readonly home: string
}

/** The line of a user in the format of passwd(5); undefined: it is not that user's. */
export function userIn(text: string, user: string): RunAs | undefined {
  for (const line of text.split('\n')) {
    const [name, , uid = '', gid = '', , home = '/'] = line.split(':')
    if ((name === user || uid === user) && /^\d+$/.test(uid) && /^\d+$/.test(gid))
      return { user, uid: Number(uid), gid: Number(gid), home: home || '/' }
  }
  return undefined
}

/** Users of a directory service are known to getent alone. */
function lookUp(user: string): RunAs | undefined {
  const { stdout, error } = spawnSync('getent', ['passwd', user], { encoding: 'utf8' })
  if (!error) return userIn(stdout, user)
  try {
    return userIn(readFileSync('/etc/passwd', 'utf8'), user)
  } catch {
    return undefined
  }
}

const refused = (user: string, why: string, place = user): FiresteelError =>
  new FiresteelError('RUN_AS_REFUSED', `Work cannot run as ${user}: ${why}.`, { place })

/** Throws RUN_AS_REFUSED if there is no such user, or this process may start nothing as that one. */
export function findUser(user: string): RunAs {
  const found = lookUp(user)
  if (found === undefined) throw refused(user, 'this machine has no such user')
  if (found.uid === 0) throw refused(user, 'it is root, from whom nothing can be kept')
  if (found.uid === process.getuid?.())
    throw refused(user, 'the Worker is that user, so it would keep nothing from it')
  const { error } = spawnSync('true', [], { ...ownerOf(found), stdio: 'ignore' })
  if (error) throw refused(user, `${reasonOf(error)}; only root, or CAP_SETUID and CAP_SETGID, may do that`)
  return found
}

export const ownerOf = ({ uid, gid }: Owner): Owner => ({ uid, gid })

/** Lets others pass through a folder of ours, which they still cannot list. */
export function openWay(path: string): void {
  const { mode, uid } = statSync(path)
  if (uid === process.getuid?.() && (mode & 0o001) === 0) chmodSync(path, (mode & 0o777) | 0o011)
}

/**
 * Throws RUN_AS_REFUSED if that user cannot enter this folder or read these files: its work would fail, each
 * time anew.
 */
export function requireReach(user: RunAs, folder: string, files: readonly string[]): void {
  const reaches = (test: string, path: string): boolean =>
    spawnSync('test', [test, path], { ...ownerOf(user), stdio: 'ignore' }).status === 0
  if (!reaches('-x', folder)) throw refused(user.user, `it may not enter ${folder}`, folder)
  for (const file of files)
    if (!reaches('-r', file)) throw refused(user.user, `it may not read ${file}`, file)
}

/**
 * Removes what is in a folder of that user, with no more rights than it has: it may change the folder
 * meanwhile, and put links there.
 */
export function emptyAs(owner: Owner, folder: string): Promise<void> {
  const options = { ...ownerOf(owner), timeout: innerLimits.removeAsMs }
  // The folder itself stays, because what it is in belongs to us. So `rm` always complains.
  return new Promise((resolve) => execFile('rm', ['-rf', '--', folder], options, () => resolve()))
}
