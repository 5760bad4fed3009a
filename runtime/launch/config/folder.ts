import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FiresteelError, reasonOf, systemCodeOf } from '../../errors.js'
import { readProcess } from '../../process/process-table.js'
import {
  clusterPath,
  type LauncherFile,
  launcherPath,
  livingLauncher,
  readIfThere,
  secretPath,
} from '../../state-folder.js'
import { systemError } from '../../system-error.js'

/*
 * The folder `.firesteel/`, or the one that `--ephemeral` names: the secret, the launcher that uses it, and
 * the addresses of its Masters.
 */

/** `cluster.json`: what commands and connect() read here. */
export interface ClusterFile {
  readonly cluster: string
  /** firesteel://host:port of each Master. */
  readonly masters: readonly string[]
  /** All Masters as one address. */
  readonly master: string
  /** Process id of the launcher. */
  readonly pid: number
  readonly startTime: string
  /** Absolute path of the file that `security.file` names. Absent: `secret` of this folder, or elsewhere. */
  readonly secretFile?: string
  /** Absolute paths of what clients of a cluster with TLS need. */
  readonly tls?: { readonly ca: string; readonly crl?: string | undefined }
}

/** Makes the folder for its owner only. Throws CONFIG_UNREADABLE. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const denied = systemError(cause)
    if (denied) throw denied
    throw new FiresteelError(
      'CONFIG_UNREADABLE',
      `The folder ${folder} cannot be made: ${reasonOf(cause)}.`,
      {
        place: folder,
        cause,
      },
    )
  }
}

/** The secret in a file, without the line break that editors add. */
export async function readSecretFile(path: string): Promise<string | undefined> {
  return readIfThere(path)?.replace(/\r?\n$/, '')
}

/** The secret of this folder. If there is none, it is made (256 random bits, mode 0600). */
export async function ensureSecret(folder: string): Promise<string> {
  const path = secretPath(folder)
  const present = await readSecretFile(path)
  if (present) return present
  await makeFolder(folder)
  const secret = randomBytes(32).toString('base64url')
  try {
    await writeFile(path, `${secret}\n`, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const other = await readSecretFile(path)
    if (other) return other
    if (systemCodeOf(cause) !== 'EEXIST') throw systemError(cause, path) ?? cause
    // An `up` that was interrupted left an empty file. The secret goes through no link.
    const flag = constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW
    await using file = await open(path, flag).catch((error: unknown) => {
      throw systemError(error, path) ?? error
    })
    await file.chmod(0o600)
    await file.writeFile(`${secret}\n`)
  }
  return secret
}

/**
 * Makes this process the launcher of the folder, whose Workers drain for up to `drainMs` when it stops.
 * Throws ALREADY_UP while another one runs.
 */
export async function claimFolder(folder: string, drainMs: number): Promise<void> {
  await makeFolder(folder)
  const startTime = readProcess(process.pid)?.startTime ?? 'unknown'
  const me: LauncherFile = { pid: process.pid, startTime, drainMs }
  for (;;) {
    try {
      await writeFile(launcherPath(folder), JSON.stringify(me), { flag: 'wx', mode: 0o600 })
      return
    } catch (cause) {
      if (systemCodeOf(cause) !== 'EEXIST') throw systemError(cause, launcherPath(folder)) ?? cause
    }
    const pid = livingLauncher(folder)
    if (pid !== undefined) {
      throw new FiresteelError('ALREADY_UP', `A cluster is already up here, process ${pid}.`, {
        place: folder,
      })
    }
    await rm(launcherPath(folder), { force: true })
    await rm(clusterPath(folder), { force: true })
  }
}

/** Records that the folder is not in use. */
export async function releaseFolder(folder: string): Promise<void> {
  await rm(clusterPath(folder), { force: true })
  await rm(launcherPath(folder), { force: true })
}

/** Replaces cluster.json as a whole, so that no reader sees half of it. */
export async function writeClusterFile(folder: string, content: ClusterFile): Promise<void> {
  const path = clusterPath(folder)
  const temporary = join(dirname(path), `.cluster.${process.pid}.json`)
  // Whatever has this name, such as a link, is not written through.
  await rm(temporary, { force: true })
  await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  await rename(temporary, path)
}
