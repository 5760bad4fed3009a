import { FiresteelError } from './errors.js'
import { nearestWord } from './nearest.js'

export interface KnownOptions {
  /** Name of the call in messages: `connect()`, `executor`. */
  readonly what: string
  readonly names: readonly string[]
  /** What the reader can do about it. */
  readonly help: string
  /** Options that people expect here although they belong to another call. */
  readonly elsewhere?: { readonly names: readonly string[]; readonly what: string }
}

/**
 * Refuses options of a library call that are not an object, and each name that does not exist: such an option
 * would have no effect, and nobody would notice. Throws USAGE with the option and the nearest name that
 * exists.
 */
export function checkKnownOptions(value: unknown, { what, names, help, elsewhere }: KnownOptions): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FiresteelError('USAGE', `The options of ${what} must be an object.`, { place: what, help })
  }
  const unknown = Object.keys(value).find((key) => !names.includes(key))
  if (unknown === undefined) return
  throw new FiresteelError('USAGE', sentence(), { place: unknown, help })

  function sentence(): string {
    if (names.length === 0) return `${what} has no options; ${unknown} was given.`
    const start = `${what} has no option ${unknown};`
    if (elsewhere?.names.includes(unknown as string)) return `${start} ${elsewhere.what} have it.`
    const nearest = nearestWord(unknown as string, names)
    return `${start} ${nearest === undefined ? 'it' : `did you mean ${nearest}? It`} has ${names.join(', ')}.`
  }
}
