import { createHash } from 'node:crypto'
import type { DriverDescription } from '../messages/common.js'

/** Digest of what was submitted: the same key may only come with the same content. */
export function driverDigest(description: DriverDescription): string {
  return createHash('sha256').update(canonical(description)).digest('base64url')
}

/** JSON with sorted keys: two clients may order them differently. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
