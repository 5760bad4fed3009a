/*
 * zod 4 compares whatever stands under `length` with a number, also in an object where a text or a list is wanted. Where
 * that is an object itself the comparison may throw, so a peer or a file could make a check throw.
 */

/** Whether this key of an object that came from outside makes a check throw. */
export const isOddLength = (key: string, value: unknown): boolean =>
  key === 'length' && typeof value === 'object' && value !== null

/** Puts null in the place of each odd `length`, in place: no rule takes null there either. No recursion: depth is the writer's. */
export function clearOddLengths(root: unknown): void {
  const open: unknown[] = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value !== 'object' || value === null) continue
    for (const [key, child] of Object.entries(value)) {
      if (isOddLength(key, child)) (value as Record<string, unknown>)[key] = null
      else open.push(child)
    }
  }
}
