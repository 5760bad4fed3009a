import { FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'

/* The size limit of submitted and registered records. A Master, commands and `check` use the same rule. */

/** The part of a record that is left for its description beside ids, key, digest and positions. */
export const DESCRIPTION_BYTES_MAX = limits.recordBytes - limits.recordRestBytes

export interface Oversize {
  /** The largest field. */
  readonly field: string
  /** A sentence without full stop; the field is its subject. */
  readonly rule: string
}

/** Why a description is too large as JSON; undefined: it fits its record. */
export function oversizeOf(description: object): Oversize | undefined {
  const bytes = bytesOf(description)
  if (bytes <= DESCRIPTION_BYTES_MAX) return undefined
  let field = ''
  let most = -1
  for (const [name, value] of Object.entries(description)) {
    const size = bytesOf(value)
    if (size <= most) continue
    field = name
    most = size
  }
  const all = `a description may have ${DESCRIPTION_BYTES_MAX} bytes in all, and this one has ${bytes}`
  return { field, rule: `has ${most} bytes; ${all}` }
}

/** `path` is the place of the description in its message. */
export function recordTooLarge({ field, rule }: Oversize, path = 'description'): FiresteelError {
  const place = path === '' ? field : `${path}.${field}`
  return new FiresteelError('RECORD_TOO_LARGE', `${place} ${rule}.`, { place })
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '')
