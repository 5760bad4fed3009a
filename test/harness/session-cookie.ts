import { randomBytes } from 'node:crypto'
import { Sessions } from '../../runtime/pages/sessions.js'
import { derivePageKey } from '../../runtime/transport/keys.js'

/** A session for what nodes of a cluster show, for a reader on another host. */
export function sessionCookie(cluster: string, secret: string): string {
  const origin = 'http://test'
  const newId = (): string => randomBytes(8).toString('hex')
  const sessions = new Sessions({ key: derivePageKey(secret), cluster, origin, wallMs: Date.now, newId })
  const session = sessions.redeem(sessions.ticket(origin))
  if (typeof session === 'string') throw new Error(`the ticket is ${session}`)
  return `${sessions.cookieName}=${session.token}`
}
