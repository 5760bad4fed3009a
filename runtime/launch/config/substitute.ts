import type { KeyPath } from './problem.js'

export type Environment = Readonly<Record<string, string | undefined>>

const reference = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-((?:[^}\\]|\\.)*))?\}/g

export interface Substituted {
  readonly value: unknown
  /** Paths whose text came, wholly or in part, from the environment. */
  readonly replaced: ReadonlySet<string>
  /** References to variables that are not set and have no default. */
  readonly missing: readonly { readonly path: KeyPath; readonly name: string }[]
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every text of a parsed file; as in a shell the default also stands
 * in for an empty variable. A `$` before anything else is itself.
 */
export function substitute(value: unknown, environment: Environment): Substituted {
  const replaced = new Set<string>()
  const missing: { path: KeyPath; name: string }[] = []
  const visitText = (text: string, path: KeyPath): string =>
    text.replace(reference, (_, name: string, fallback: string | undefined) => {
      replaced.add(JSON.stringify(path))
      // process.env inherits what every object has, such as `constructor`.
      const found = Object.hasOwn(environment, name) ? environment[name] : undefined
      if (fallback !== undefined) return found === undefined || found === '' ? fallback : found
      if (found === undefined) missing.push({ path, name })
      return found ?? ''
    })
  const visit = (node: unknown, path: KeyPath): unknown => {
    if (typeof node === 'string') return visitText(node, path)
    if (Array.isArray(node)) return node.map((item, index) => visit(item, [...path, index]))
    if (typeof node !== 'object' || node === null) return node
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, visit(item, [...path, key])]))
  }
  return { value: visit(value, []), replaced, missing }
}

/** True when a text is nothing but one reference without a default: the only form in which a secret may stand in a file. */
export function isPureReference(text: string): boolean {
  return /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(text)
}

/** What a text from the environment means where a number or a boolean is wanted; undefined if neither. */
export function scalarOf(text: string, expected: 'number' | 'boolean'): number | boolean | undefined {
  if (expected === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  return /^-?\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined
}
