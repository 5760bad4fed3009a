import { FiresteelError, systemCodeOf } from '../../errors.js'
import { systemError } from '../../system-error.js'

/* Paths of the command line to which a command writes. */

/** The rule that a path breaks, by the code of the system. */
const rules: Readonly<Record<string, string>> = {
  ENOENT: 'the folder that it is in does not exist',
  ENOTDIR: 'a part of this path is a file, and must be a folder',
  EEXIST: 'it is a file, and must be a folder',
  EISDIR: 'it is a folder, and must be a file',
  ENAMETOOLONG: 'a name in it is longer than the system takes',
  ELOOP: 'its links lead back to itself',
}

/** The same error, or the coded one for a path that cannot be used. `option`: where the user named it. */
export function pathError(option: string, path: string, cause: unknown): unknown {
  const coded = systemError(cause, path)
  if (coded) return coded
  const code = cause instanceof Error ? systemCodeOf(cause) : ''
  const rule = Object.hasOwn(rules, code) ? rules[code] : undefined
  if (rule === undefined) return cause
  const message = `${option} ${path} cannot be used: ${rule} (${code}).`
  return new FiresteelError('PATH_NOT_FOUND', message, { place: path, cause })
}
