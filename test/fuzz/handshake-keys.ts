import type { Buffer } from 'node:buffer'
import type { Role } from '../../runtime/transport/identity.js'
import { deriveKey } from '../../runtime/transport/keys.js'

export const SECRET = 'a secret of the fuzzer only, long enough'

/** Each role with the subjects that a cluster uses for it. */
export const callers: readonly { readonly role: Role; readonly subject?: string }[] = [
  { role: 'node' },
  { role: 'node', subject: 'master' },
  { role: 'client' },
  { role: 'driver', subject: 'driver-20260101000000-1-0001/2' },
  { role: 'application', subject: 'app-20260101000000-1-0001' },
]

const derived = new Map<string, Buffer>()

/**
 * Each key is derived once, because that costs as much as the rest of a handshake. All nodes have one role.
 */
export function keyOf(secret: string, role: Role, subject?: string): Buffer {
  const named = role === 'node' ? undefined : subject
  const name = `${secret}/${role}/${named ?? ''}`
  const known = derived.get(name)
  if (known) return known
  const key = deriveKey(secret, role, named)
  // A peer may name any subject, so the number of remembered keys is bounded.
  if (derived.size < 64) derived.set(name, key)
  return key
}
