import { innerLimits } from '../../runtime/inner-limits.js'

/*
 * The path of a part in a value, for error texts: `input.a[2].callback`. It is only computed for refused
 * values, so that others do not pay for it.
 */

/** The path of the first part that cannot be cloned. It costs up to depth times size. */
export function pathOf(value: unknown, root: string, isCloneable: (part: unknown) => boolean): string {
  const seen = new Set<unknown>()
  let path = root
  let current = value
  for (;;) {
    seen.add(current)
    const next = children(current, path).find(([child]) => !seen.has(child) && !isCloneable(child))
    if (next === undefined) return path
    current = next[0]
    path = next[1]
  }
}

/** The path of an object that is known to be inside. */
export function pathTo(value: unknown, part: object, root: string): string {
  const seen = new Set<unknown>()
  const open: Child[] = [[value, root]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [current, path] = next
    if (current === part) return path
    if (seen.has(current)) continue
    seen.add(current)
    open.push(...children(current, path))
  }
  return root
}

/** The path along objects, each of which is directly inside the one before. A long path is cut. */
export function pathAlong(chain: readonly object[], root: string): string {
  let path = root
  for (let index = 1; index < chain.length; index++) {
    const next = children(chain[index - 1], path).find(([child]) => child === chain[index])
    if (next === undefined) return path
    path = next[1]
    if (path.length > innerLimits.shownPathChars) return `${path.slice(0, innerLimits.shownPathChars)}...`
  }
  return path
}

type Child = readonly [value: unknown, path: string]

function children(value: unknown, path: string): Child[] {
  if (typeof value !== 'object' || value === null) return []
  if (value instanceof Map) {
    return [...value].flatMap(([key, item]): Child[] => [
      [key, `${path} key ${labelOf(key)}`],
      [item, `${path}.get(${labelOf(key)})`],
    ])
  }
  if (value instanceof Set) return [...value].map((item, index) => [item, `${path} member ${index}`])
  const found: Child[] = []
  for (const key of Object.keys(value)) {
    try {
      found.push([(value as Record<string, unknown>)[key], `${path}${step(key, Array.isArray(value))}`])
    } catch {
      // A throwing getter is itself the part that cannot be cloned.
      return [[undefinedGetter, `${path}${step(key, false)}`]]
    }
  }
  return found
}

/** Replaces the value of a throwing getter. It is never cloneable and has no children. */
const undefinedGetter = (): void => undefined

function step(key: string, isIndex: boolean): string {
  if (isIndex && /^\d+$/.test(key)) return `[${key}]`
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

function labelOf(key: unknown): string {
  return typeof key === 'object' && key !== null ? 'object' : JSON.stringify(String(key))
}
