import { randomBytes } from 'node:crypto'
import { systemClock } from '../../clock.js'
import { Sessions } from '../../pages/sessions.js'
import { derivePageKey } from '../../transport/keys.js'
import type { CommonSpec } from './node-spec.js'

/** The sessions of a node whose pages are at `web`, and of no token that is over. */
export const nodeSessions = (
  { cluster, secret }: CommonSpec,
  web: string,
  isOver: (subject: string) => boolean,
): Sessions =>
  new Sessions({
    key: derivePageKey(secret),
    cluster,
    origin: new URL(web).origin,
    wallMs: systemClock.wallMs,
    isOver,
    newId: () => randomBytes(16).toString('base64url'),
  })
