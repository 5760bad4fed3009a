import { stat } from 'node:fs/promises'
import { FiresteelError, reasonOf, systemCodeOf } from '../errors.js'

interface Attempt {
  readonly command: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'it is not executable for this user',
  EPERM: 'the system does not permit it',
  ENOEXEC: 'it is no program for this machine',
  EAGAIN: 'this user may start no more processes',
  ENOMEM: 'the machine has no memory left',
  EMFILE: 'this process has no file descriptors left',
  ENFILE: 'the machine has no file descriptors left',
  E2BIG: 'its arguments and environment are too long',
}

/**
 * One sentence for a failed start. The kernel also answers ENOENT for a missing folder, so the folder is
 * checked.
 */
export async function spawnError(cause: unknown, attempt: Attempt): Promise<FiresteelError> {
  const code = systemCodeOf(cause)
  if (!(await isFolder(attempt.cwd))) {
    return new FiresteelError('FOLDER_MISSING', `the working folder ${attempt.cwd} does not exist`, {
      place: attempt.cwd,
      cause,
    })
  }
  const reason = code === 'ENOENT' ? missing(attempt) : (reasons[code] ?? reasonOf(cause))
  return new FiresteelError('SPAWN_FAILED', `${attempt.command} could not be started: ${reason}`, {
    place: attempt.command,
    cause,
  })
}

function missing({ command, env }: Attempt): string {
  if (command.includes('/')) return 'no such file, or the interpreter named in its first line is missing'
  return `not found in PATH (${env.PATH ?? 'which is not set'})`
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}
