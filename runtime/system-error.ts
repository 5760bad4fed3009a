import { type ErrorName, FiresteelError, isFiresteelError, reasonOf, systemCodeOf } from './errors.js'
import { innerLimits } from './inner-limits.js'

/*
 * What the operating system refuses, as errors for people. It is the state of a machine, and no defect of
 * Firesteel.
 */

interface Cause {
  readonly code: ErrorName
  readonly text: string
  /** Absent: the advice of the code. */
  readonly help?: string
}

const space = 'Free space there, then try again.'
const descriptors = 'Close what holds so many files, or raise the limit (ulimit -n).'

const causes: Readonly<Record<string, Cause>> = {
  EACCES: { code: 'FILE_DENIED', text: 'this user may not read or write it' },
  EPERM: { code: 'FILE_DENIED', text: 'the system does not permit it' },
  EROFS: { code: 'FILE_DENIED', text: 'its file system is read-only' },
  ENOSPC: { code: 'DISK_FULL', text: 'the disk is full', help: space },
  EDQUOT: { code: 'DISK_FULL', text: 'the disk quota of this user is used up', help: space },
  EMFILE: {
    code: 'DESCRIPTORS_TOO_FEW',
    text: 'this process has no file descriptors left',
    help: descriptors,
  },
  ENFILE: {
    code: 'DESCRIPTORS_TOO_FEW',
    text: 'the machine has no file descriptors left',
    help: descriptors,
  },
}

/**
 * The coded error for a file, folder or descriptor that the system refuses, also when it is the cause of
 * another error; undefined for any other error. `place`: the path, because an error of a write has none.
 */
export function systemError(error: unknown, place?: string): FiresteelError | undefined {
  let at = error
  for (let depth = 0; depth < innerLimits.errorCauses && at instanceof Error; depth++) {
    const cause = Object.hasOwn(causes, systemCodeOf(at)) ? causes[systemCodeOf(at)] : undefined
    if (cause) return coded(at, cause, place)
    at = at.cause
  }
  return undefined
}

function coded(error: NodeJS.ErrnoException, { code, text, help }: Cause, path?: string): FiresteelError {
  // A port below 1024 gives EACCES too, but its error has an address and no path.
  const place = path ?? error.path
  const what = place ?? error.syscall ?? reasonOf(error)
  const details = { cause: error, ...(place !== undefined && { place }), ...(help !== undefined && { help }) }
  return new FiresteelError(code, `${what}: ${text} (${error.code}).`, details)
}

/** The same error, or the coded one for what the system refuses. */
export const codedError = (error: unknown): unknown =>
  isFiresteelError(error) ? error : (systemError(error) ?? error)

/**
 * An error of ours as it is; what the system refuses by its code; anything else is a defect, described by
 * `text`.
 */
export function defectError(text: string, cause: unknown): FiresteelError {
  if (isFiresteelError(cause)) return cause
  return systemError(cause) ?? new FiresteelError('INTERNAL', text, { cause })
}
