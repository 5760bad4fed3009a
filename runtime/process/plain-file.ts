import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, realpathSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The path is not a plain file of ours: a link, a pipe, a device, or a way out of the folder. */
export class NotPlain extends Error {}

const NAMES = { r: constants.O_RDONLY, a: constants.O_RDWR | constants.O_CREAT | constants.O_APPEND } as const

/**
 * Opens a plain file below a folder of ours, and nothing else. A program that may write there could put a
 * link to another file, a pipe that blocks, or a device in its place, or turn a folder on the path into a
 * link. Returns the descriptor. `a` reads and appends, and makes the file, for its user
 * alone. Throws NotPlain, or the error of
 * the system.
 */
export function openPlain(path: string, within: string, mode: keyof typeof NAMES): number {
  const before = lstatSync(path, { throwIfNoEntry: false })
  // Checked first, because opening a pipe or a device already has an effect on it.
  if (before !== undefined && !before.isFile()) throw new NotPlain(`${path} is not a plain file`)
  // A pipe that takes its place meanwhile must not block us.
  const wait = mode === 'r' ? constants.O_NONBLOCK : 0
  const descriptor = openSync(path, NAMES[mode] | constants.O_NOFOLLOW | constants.O_NOCTTY | wait, 0o600)
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) throw new NotPlain(`${path} is not a plain file`)
    // The file has another name elsewhere.
    if (stat.nlink > 1) throw new NotPlain(`${path} has other names`)
    const wanted = join(realpathSync(within), relative(within, path))
    if (placeOf(descriptor, path) !== wanted) throw new NotPlain(`${path} leads out of ${within}`)
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

/** The real path of the open file, asked of the kernel, because names may change at any time. */
function placeOf(descriptor: number, path: string): string {
  return process.platform === 'linux' ? readlinkSync(`/proc/self/fd/${descriptor}`) : realpathSync(path)
}
