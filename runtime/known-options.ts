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

/** It inherits nothing but what every object of its realm has. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === null || prototype === Object.prototype) return true
  // This is the `Object.prototype` of another realm.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty')
}

/** Own fields count, also of an instance. A list, or what has none, such as a Map, means something else. */
export const holdsFields = (value: unknown): value is object =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  (isPlainObject(value) || Object.keys(value).length > 0)

function hasInherited(value: object, names: readonly string[]): boolean {
  if (isPlainObject(value)) return false
  return !holdsFields(value) || names.some((name) => name in value && !Object.hasOwn(value, name))
}

/**
 * Refuses options of a library call that are not an object, options that inherit, and each name that does not
 * exist: such an option would have no effect, and nobody would notice. Throws USAGE with the option and the
 * nearest name that exists.
 */
export function checkKnownOptions(value: unknown, { what, names, help, elsewhere }: KnownOptions): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FiresteelError('USAGE', `The options of ${what} must be an object.`, { place: what, help })
  }
  if (hasInherited(value, names)) {
    const why = 'These inherit from a class or from another object, and inherited options do not count.'
    const message = `The options of ${what} must be a plain object. ${why}`
    throw new FiresteelError('USAGE', message, { place: what, help })
  }
  // Libraries hide helpers of their own in objects. They are no options, and nobody has written them.
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
