import { hostname, userInfo } from 'node:os'
import { limits } from '../../runtime/limits.js'

/** A user without an entry in the password file has no name. */
export function userName(): string {
  try {
    return userInfo().username || 'unknown'
  } catch {
    return process.env.USER || 'unknown'
  }
}

/** Who runs this command, for people: no longer than a name in a message. */
export const userAtHost = (): string => `${userName()}@${hostname() || 'unknown'}`.slice(0, limits.nameChars)
