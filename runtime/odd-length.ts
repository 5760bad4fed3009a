/*
 * zod 4 compares whatever stands under `length` with a number, also in an object where a text or a list is wanted. Where
 * that is an object itself the comparison may throw, so a peer or a file could make a check throw.
 */

/** Whether this key of an object that came from outside makes a check throw. */
export const isOddLength = (key: string, value: unknown): boolean =>
  key === 'length' && typeof value === 'object' && value !== null

/**
 * A copy with null in the place of each odd `length`, which no rule takes there either. The original keeps what it has: it may
 * be a field of a later release. No recursion: depth is the writer's.
 */
export function withoutOddLengths(root: unknown): unknown {
  const holder = { root }
  const open: object[] = [holder]
  for (let object = open.pop(); object; object = open.pop()) {
    for (const [key, child] of Object.entries(object)) {
      if (typeof child !== 'object' || child === null) continue
      const copy = isOddLength(key, child) ? null : Array.isArray(child) ? [...child] : { ...child }
      // Also where the key is `__proto__`, which an assignment would take for something else.
      Object.defineProperty(object, key, {
        value: copy,
        writable: true,
        enumerable: true,
        configurable: true,
      })
      if (copy !== null) open.push(copy)
    }
  }
  return holder.root
}
