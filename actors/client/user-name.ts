import { hostname, userInfo } from 'node:os'

/** A user without an entry in the password file has no name. */
export function userName(): string {
  try {
    return userInfo().username || 'unknown'
  } catch {
    return process.env.USER || 'unknown'
  }
}

/** Who runs this command, for people. */
export const userAtHost = (): string => `${userName()}@${hostname() || 'unknown'}`
