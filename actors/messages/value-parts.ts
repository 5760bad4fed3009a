import { types } from 'node:util'
import { innerLimits } from '../../runtime/inner-limits.js'
import { hasPrivateFields } from './private-fields.js'

/*
 * Which parts of a value arrive. V8 clones only data: of an instance it takes the own fields, so a Headers or
 * a class with private fields silently arrives as `{}`. This file refuses such parts and names them. It also
 * finds URL, URLSearchParams and errors, which our codec carries completely although V8 does not.
 */

export type WholeKind = 'URL' | 'URLSearchParams' | 'error'

/** Why a part would arrive incomplete: `why` continues a sentence that begins with the part. */
export interface Loss {
  readonly why: string
  /** What to send instead, if there is something. */
  readonly help?: string
}

type Look =
  /** It has no parts and arrives complete. */
  | { readonly kind: 'leaf' }
  | { readonly kind: 'list' | 'fields' | 'map' | 'set' }
  | { readonly kind: 'whole'; readonly of: WholeKind }
  | { readonly kind: 'lost'; readonly loss: Loss }

const LEAF: Look = { kind: 'leaf' }
const LIST: Look = { kind: 'list' }
const FIELDS: Look = { kind: 'fields' }
const MAP: Look = { kind: 'map' }
const SET: Look = { kind: 'set' }
const whole: Readonly<Record<WholeKind, Look>> = {
  URL: { kind: 'whole', of: 'URL' },
  URLSearchParams: { kind: 'whole', of: 'URLSearchParams' },
  error: { kind: 'whole', of: 'error' },
}

/** What to send in place of the objects that users try most. */
const instead: Readonly<Record<string, string>> = {
  Headers: 'Send [...headers], and make new Headers(list) of it there.',
  FormData: 'Send [...form].',
  Request: 'Send its url, method, [...headers] and await request.arrayBuffer().',
  Response: 'Send its status, [...headers] and await response.arrayBuffer().',
  AbortSignal: 'A task has a signal of its own: context().signal.',
  AbortController: 'A task has a signal of its own: context().signal.',
}

const tagOf = (value: object): string => Object.prototype.toString.call(value).slice('[object '.length, -1)

/** How an object that V8 accepts would arrive. Throws what the user's traps and getters throw. */
export function lookAt(value: object): Look {
  if (Array.isArray(value)) return LIST
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === Object.prototype || prototype === null) return plain(value)
  if (ordinary.has(prototype) && ownFields(value)) return FIELDS
  if (ArrayBuffer.isView(value)) return LEAF
  if (isError(value)) return whole.error
  const builtin = builtinOf(value)
  if (builtin !== undefined) return ownFields(value) ? besides(value) : builtin
  // This is a plain object of another realm, or one with an empty prototype, as querystring makes them.
  if (Object.getPrototypeOf(prototype) === null) return plain(value)
  return instance(value, prototype)
}

/** Errors of other realms are errors too. */
export const isError = (value: object): boolean => types.isNativeError(value) || value instanceof Error

const ownFields = (value: object): boolean => Object.keys(value).length > 0

/**
 * Prototypes of classes whose instances are only their own fields. They are kept, because a list mostly has
 * one class.
 */
const ordinary = new WeakSet<object>()

function builtinOf(value: object): Look | undefined {
  if (types.isDate(value)) return LEAF
  if (types.isMap(value)) return MAP
  if (types.isSet(value)) return SET
  const isLeaf = types.isRegExp(value) || types.isAnyArrayBuffer(value) || types.isBoxedPrimitive(value)
  return isLeaf ? LEAF : undefined
}

function plain(value: object): Look {
  if (ownFields(value)) return FIELDS
  // Math, JSON and the like have only fields that are not enumerable.
  return Object.getOwnPropertyNames(value).length === 0 ? LEAF : instance(value, null)
}

/** A String object has its characters as own fields. */
function besides(value: object): Look {
  if (types.isStringObject(value)) return LEAF
  return lost({ why: `is a ${tagOf(value)} with fields of its own, which would not arrive` })
}

function instance(value: object, prototype: object | null): Look {
  const tag = tagOf(value)
  if (!ownFields(value)) {
    if (tag === 'URL' || tag === 'URLSearchParams') return whole[tag]
    const help = instead[tag]
    const why = `is ${nameOf(prototype, tag)}, of which nothing would arrive but {}`
    return lost({ why, ...(help && { help }) })
  }
  if (!hasPrivateFields(prototype)) {
    if (prototype !== null) ordinary.add(prototype)
    return FIELDS
  }
  return lost({ why: `is ${nameOf(prototype, tag)}, whose private fields would not arrive` })
}

const lost = (loss: Loss): Look => ({ kind: 'lost', loss })

function nameOf(prototype: object | null, tag: string): string {
  const type: unknown = prototype?.constructor
  const name = typeof type === 'function' && type.name !== '' ? type.name : tag
  return name === 'Object'
    ? 'an instance of a class without a name'
    : `an instance of ${name.slice(0, innerLimits.shownClassNameChars)}`
}

/**
 * Up to this length the named fields of an array are examined too, such as those of a match of a regular
 * expression.
 */
const NAMED_LENGTH_MAX = innerLimits.namedArrayItems

/** Adds the objects directly inside. An array longer than `dense` is sparse. */
function addInside(value: object, kind: Look['kind'], to: object[], dense: number): void {
  if (kind === 'list' && within(value as unknown[], dense)) {
    addItems(value as unknown[], to)
  } else if (kind === 'list' || kind === 'fields') {
    addFields(value, Object.keys(value), to)
  } else if (kind === 'map') {
    addAll((value as Map<unknown, unknown>).keys(), to)
    addAll((value as Map<unknown, unknown>).values(), to)
  } else if (kind === 'set') {
    addAll(value as Set<unknown>, to)
  }
}

/** Goes by index, because an iterator would cost more than V8 needs to clone a list of numbers. */
function addItems(list: readonly unknown[], to: object[]): void {
  for (let index = 0; index < list.length; index++) {
    const item = list[index]
    if (typeof item === 'object' && item !== null) to.push(item)
  }
}

function addAll(items: Iterable<unknown>, to: object[]): void {
  for (const item of items) if (typeof item === 'object' && item !== null) to.push(item)
}

function addFields(value: object, keys: readonly string[], to: object[]): void {
  for (const key of keys) {
    const item = (value as Record<string, unknown>)[key]
    if (typeof item === 'object' && item !== null) to.push(item)
  }
}

/** Handles the commonest objects quickly. False: `lookAt` must examine the object. */
function addPlain(value: object, to: object[]): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype !== Object.prototype && prototype !== null && !ordinary.has(prototype)) return false
  const keys = Object.keys(value)
  addFields(value, keys, to)
  return keys.length > 0
}

const within = ({ length }: readonly unknown[], dense: number): boolean =>
  length > NAMED_LENGTH_MAX && length <= dense

export interface Examined {
  /** The first part that would arrive incomplete. */
  readonly lost?: object
  /** True: some parts only our codec can carry. */
  readonly special: boolean
}

/**
 * Examines every object of a value that V8 wrote in `bytes` bytes. A tree is walked without a record of
 * visited objects. Each mention of an object takes V8 more than a byte. So more mentions than bytes mean
 * repeated mentions, and the walk starts again with such a record.
 */
export function examine(value: unknown, bytes: number): Examined {
  if (typeof value !== 'object' || value === null) return { special: false }
  return walk(value, bytes, undefined) ?? walk(value, bytes, new Set()) ?? { special: false }
}

function walk(root: object, bytes: number, seen: Set<object> | undefined): Examined | undefined {
  const open: object[] = [root]
  let special = false
  let visits = 0
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (seen === undefined) {
      if (++visits > bytes) return undefined
    } else {
      if (seen.has(value)) continue
      seen.add(value)
    }
    if (addPlain(value, open)) continue
    const { kind } = lookAt(value)
    if (kind === 'lost') return { lost: value, special }
    if (kind === 'whole') special = true
    else if (kind !== 'leaf') addInside(value, kind, open, bytes)
  }
  return { special }
}
