import { types } from 'node:util'
import { innerLimits } from '../../runtime/inner-limits.js'
import { hasPrivateFields } from './private-fields.js'

/*
 * What arrives of a value. V8 clones data and nothing else: of an instance it takes the own fields, so that a Headers
 * or a class with private fields arrives as `{}`, and nobody notices. Those are refused here, by the part that is
 * wrong. What our codec can carry whole although V8 cannot is told apart: URL, URLSearchParams and errors.
 */

export type WholeKind = 'URL' | 'URLSearchParams' | 'error'

/** Why a part would arrive without what it holds: the rest of a sentence that begins with the part. */
export interface Loss {
  readonly why: string
  /** What to send instead, where there is something. */
  readonly help?: string
}

type Look =
  /** Nothing inside, and whole. */
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

/** What there is to send of the objects that people try most. */
const instead: Readonly<Record<string, string>> = {
  Headers: 'Send [...headers], and make new Headers(list) of it there.',
  FormData: 'Send [...form].',
  Request: 'Send its url, method, [...headers] and await request.arrayBuffer().',
  Response: 'Send its status, [...headers] and await response.arrayBuffer().',
  AbortSignal: 'A task has a signal of its own: context().signal.',
  AbortController: 'A task has a signal of its own: context().signal.',
}

const tagOf = (value: object): string => Object.prototype.toString.call(value).slice('[object '.length, -1)

/** What becomes of an object that V8 accepts. Throws what traps and getters of the user throw. */
export function lookAt(value: object): Look {
  if (Array.isArray(value)) return LIST
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === Object.prototype || prototype === null) return plain(value)
  if (ordinary.has(prototype) && ownFields(value)) return FIELDS
  if (ArrayBuffer.isView(value)) return LEAF
  if (isError(value)) return whole.error
  const builtin = builtinOf(value)
  if (builtin !== undefined) return ownFields(value) ? besides(value) : builtin
  // A plain object of another realm, or one whose prototype holds nothing, as querystring makes them.
  if (Object.getPrototypeOf(prototype) === null) return plain(value)
  return instance(value, prototype)
}

/** Errors of other realms are errors too. */
export const isError = (value: object): boolean => types.isNativeError(value) || value instanceof Error

const ownFields = (value: object): boolean => Object.keys(value).length > 0

/** Prototypes of classes whose instances are their own fields: a list of rows is mostly of one class. */
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
  // Math, JSON and their like: all that they hold is not enumerable.
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
  return name === 'Object' ? 'an instance of a class without a name' : `an instance of ${name.slice(0, 100)}`
}

const NAMED_LENGTH_MAX = innerLimits.namedArrayItems

/** Adds the objects that are directly inside. `dense`: an array that is longer than this is sparse. */
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

/** By index: an iterator would cost more than V8 takes to clone a list of numbers. */
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

/** The commonest objects, looked at once only; false: look closer. */
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
  /** The first part that would not arrive whole. */
  readonly lost?: object
  /** There are parts that only our codec carries. */
  readonly special: boolean
}

/**
 * Looks at every object of a value of which V8 made so many bytes. A tree is walked without a memory of what was seen:
 * each mention of an object takes V8 more than a byte, so more mentions than bytes mean that something is mentioned
 * again and again, and the walk begins anew with a memory.
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
