type Path = readonly (string | number)[]

interface Seen {
  readonly value: object
  readonly parent?: Seen
  readonly key?: string
}

/**
 * The path of the first own key `__proto__` in plain data; undefined: there is none. JSON.parse makes it an
 * own key, which harms any code that copies the object, so no link carries one, and schemas leave it out
 * without a word. This does not recurse, because a peer may choose the depth.
 */
export function protoKeyPath(data: unknown): Path | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  const open: Seen[] = [{ value: data }]
  // A library call may give anything, also what holds itself.
  const known = new Set<object>([data])
  while (open.length > 0) {
    const seen = open.pop()!
    if (Object.hasOwn(seen.value, '__proto__')) return [...pathOf(seen), '__proto__']
    for (const [key, value] of Object.entries(seen.value))
      if (typeof value === 'object' && value !== null && !known.has(value)) {
        known.add(value)
        open.push({ value, parent: seen, key })
      }
  }
  return undefined
}

function pathOf({ parent, key }: Seen): (string | number)[] {
  if (!parent) return []
  return [...pathOf(parent), Array.isArray(parent.value) ? Number(key) : key!]
}

/** Continues a sentence that begins with a path. */
export const protoKeyRule = 'must have another name, because no message carries __proto__'
