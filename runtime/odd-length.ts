/*
 * zod 4 compares any value under the key `length` with a number, also in an object where it expects a text or
 * a list. If that value is an object, the comparison may throw. So a peer or a file could make a check throw.
 */

/** Whether this key of an object from outside makes a check throw. */
export const isOddLength = (key: string, value: unknown): boolean =>
  key === 'length' && typeof value === 'object' && value !== null

/**
 * A copy with null in place of each such `length`, which no rule accepts there either. The original stays as
 * it is: it may be a field of a later release. This does not recurse, because the writer chooses the depth.
 */
export function withoutOddLengths(root: unknown): unknown {
  const holder = { root }
  const open: object[] = [holder]
  for (let object = open.pop(); object; object = open.pop()) {
    for (const [key, child] of Object.entries(object)) {
      if (typeof child !== 'object' || child === null) continue
      const copy = isOddLength(key, child) ? null : Array.isArray(child) ? [...child] : { ...child }
      // This also works for the key `__proto__`, to which an assignment would set the prototype.
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
