import type { KeyPath } from './problem.js'

export type Environment = Readonly<Record<string, string | undefined>>

/** `$${NAME}` stands for the text `${NAME}`. */
const reference = /\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-((?:[^}\\]|\\.)*))?\}/g

export interface Substituted {
  readonly value: unknown
  /** Paths whose text came from the environment, wholly or in part. */
  readonly replaced: ReadonlySet<string>
  /** References to variables that are not set and have no default. */
  readonly missing: readonly { readonly path: KeyPath; readonly name: string }[]
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every text of a parsed file. As in a shell, the default also
 * replaces an empty variable. `$${` gives `${`; a `$` before anything else stays as it is.
 */
export function substitute(value: unknown, environment: Environment): Substituted {
  const replaced = new Set<string>()
  const missing: { path: KeyPath; name: string }[] = []
  const visitText = (text: string, path: KeyPath): string =>
    text.replace(reference, (_, escaped: string | undefined, name: string, fallback: string | undefined) => {
      if (escaped !== undefined) return escaped
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

/** True if a text is only one reference without a default. A secret may occur in a file only in this form. */
export function isPureReference(text: string): boolean {
  return /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(text)
}

/**
 * The value of a text from the environment where a number or a boolean is expected; undefined if it is
 * neither.
 */
export function scalarOf(text: string, expected: 'number' | 'boolean'): number | boolean | undefined {
  if (expected === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  return /^-?\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined
}
