/**
 * These messages, their causes up to the first, and all that they led to. `parents`: the cause of each
 * message, in an order in which a cause stands before its effects.
 */
export function withRelatives(
  parents: ReadonlyMap<number, number | undefined>,
  named: ReadonlySet<number>,
): Set<number> {
  // A cause stands before its effects, so one pass finds all of them.
  const related = new Set(named)
  for (const [id, parent] of parents) if (parent !== undefined && related.has(parent)) related.add(id)
  const climbed = new Set<number>()
  for (const id of named) {
    for (let at: number | undefined = id; at !== undefined && parents.has(at); at = parents.get(at)) {
      if (climbed.has(at)) break
      climbed.add(at)
      related.add(at)
    }
  }
  return related
}
