import { inspect } from 'node:util'
import { innerLimits } from '../../runtime/inner-limits.js'

/*
 * Whether a typed array has fields of its own beside its elements. Its keys would tell, but a buffer of a MiB
 * has a million of them. Only `inspect` asks the engine for the others alone: it takes about a microsecond,
 * whatever the length.
 */

/** Also those that a program may have changed for all of its process. */
const OPTIONS = {
  maxArrayLength: 0,
  depth: 0,
  customInspect: false,
  breakLength: Number.POSITIVE_INFINITY,
  compact: 3,
  showHidden: false,
  colors: false,
}
const WITHOUT_FIELDS = / \d+ more items \]$/

export function hasNamedFields(view: NodeJS.TypedArray): boolean {
  const isLong = view.length > innerLimits.viewKeysLooked
  if (isLong && WITHOUT_FIELDS.test(inspect(view, OPTIONS))) return false
  // The names of elements come first.
  const last = Object.keys(view).at(-1)
  return last !== undefined && String(Number(last)) !== last
}
