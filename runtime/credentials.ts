import { statSync } from 'node:fs'
import { basename, isAbsolute, join } from 'node:path'
import { FiresteelError, reasonOf, systemCodeOf } from './errors.js'
import { systemError } from './system-error.js'

/*
 * Files that the supervisor of this process gave to it alone: `LoadCredential=` of systemd, or the secrets of
 * a container. `CREDENTIALS_DIRECTORY` names their folder.
 */

/**
 * The path of the credential with this name; undefined if there is none. A name with a folder in it is never
 * one. Throws FILE_DENIED, CONFIG_UNREADABLE.
 */
export function credentialPath(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const folder = environment.CREDENTIALS_DIRECTORY
  if (!folder || !isAbsolute(folder) || basename(name) !== name || name === '..') return undefined
  const path = join(folder, name)
  try {
    return statSync(path).isFile() ? path : undefined
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(systemCodeOf(cause))) return undefined
    const message = `The credential ${path} cannot be read: ${reasonOf(cause)}.`
    throw systemError(cause) ?? new FiresteelError('CONFIG_UNREADABLE', message, { place: path, cause })
  }
}
