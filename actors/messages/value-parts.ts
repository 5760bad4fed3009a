import { types } from 'node:util'
import { innerLimits } from '../../runtime/inner-limits.js'
import { isPlatformObject } from './platform-classes.js'
import { hasPrivateFields } from './private-fields.js'
import { hasNamedFields } from './view-fields.js'

/*
 * Which parts of a value arrive. V8 clones only data: of an instance it takes the own fields, so a Headers or
 * a class with private fields silently arrives as `{}`, and of a Map or a buffer it takes the contents, but
 * no fields beside them. This file refuses such parts and names them. It also finds URL, URLSearchParams and
 * errors, which our codec carries completely although V8 does not.
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

export type LookKind = Look['kind']

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
  URL: 'Send its href, and make new URL(href) of it there.',
  URLSearchParams: 'Send its text, String(params), and make new URLSearchParams(text) of it there.',
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
  const prototype = Object.getPrototypeOf(value) as object | null
  if (Array.isArray(value)) return contents(value, prototype, LIST)
  if (prototype === Object.prototype || prototype === null) return plain(value)
  if (ordinary.has(prototype) && ownFields(value)) return FIELDS
  if (isError(value)) return whole.error
  const builtin = builtinOf(value)
  if (builtin !== undefined) {
    return hasFieldsBeside(value) ? besides(value) : contents(value, prototype, builtin)
  }
  // This is a plain object of another realm, or one with an empty prototype, as querystring makes them.
  if (Object.getPrototypeOf(prototype) === null) return plain(value)
  if (value instanceof URL) return ofUrl(value, prototype, 'URL', URL.prototype)
  if (value instanceof URLSearchParams)
    return ofUrl(value, prototype, 'URLSearchParams', URLSearchParams.prototype)
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

/** True for a value whose class is known to be `ordinary`, or that has none. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null
  return prototype === Object.prototype || prototype === null || ordinary.has(prototype)
}

function builtinOf(value: object): Look | undefined {
  if (ArrayBuffer.isView(value) || types.isDate(value)) return LEAF
  if (types.isMap(value)) return MAP
  if (types.isSet(value)) return SET
  const isLeaf = types.isRegExp(value) || types.isAnyArrayBuffer(value) || types.isBoxedPrimitive(value)
  return isLeaf ? LEAF : undefined
}

/** Prototypes of containers, such as Map or a class that extends it, that hold nothing but their contents. */
const containers = new WeakSet<object>()

/** Of a container V8 takes the contents. A class that extends it may hold more. */
function contents(value: object, prototype: object | null, look: Look): Look {
  if (prototype === null || containers.has(prototype)) return look
  if (hasPrivateFields(prototype)) return privateFieldsOf(prototype, tagOf(value))
  containers.add(prototype)
  return look
}

function plain(value: object): Look {
  if (ownFields(value)) return FIELDS
  // Math, JSON and the like have only fields that are not enumerable.
  return Object.getOwnPropertyNames(value).length === 0 ? LEAF : instance(value, null)
}

/** Fields of a container itself, which are not its contents. */
function hasFieldsBeside(value: object): boolean {
  if (types.isTypedArray(value)) return hasNamedFields(value)
  // The characters of a String object are own fields.
  if (types.isStringObject(value))
    return Object.keys(value).length > String.prototype.valueOf.call(value).length
  return ownFields(value)
}

function besides(value: object): Look {
  const name = Buffer.isBuffer(value) ? 'Buffer' : tagOf(value)
  return lost({ why: `is a ${name} with fields of its own, which would not arrive` })
}

/** Of a URL its text arrives. A class that extends it may hold more. */
function ofUrl(value: object, prototype: object, of: 'URL' | 'URLSearchParams', above: object): Look {
  if (hasFieldsBeside(value)) return besides(value)
  return hasPrivateFields(prototype, above) ? privateFieldsOf(prototype, of) : whole[of]
}

function instance(value: object, prototype: object | null): Look {
  const tag = tagOf(value)
  const help = instead[tag] ?? (tellsItself(prototype) ? 'Send what its toJSON() gives.' : undefined)
  const refuse = (what: string): Look =>
    lost({ why: `is ${nameOf(prototype, tag)}, ${what}`, ...(help && { help }) })
  if (!ownFields(value)) return refuse('of which nothing would arrive but {}')
  if (isPlatformObject(prototype, tag)) return refuse('of which only the fields set on it would arrive')
  if (hasPrivateFields(prototype)) return refuse(PRIVATE)
  if (prototype !== null) ordinary.add(prototype)
  return FIELDS
}

/** Such as a value of Temporal: its text is what its class is made of again. */
const tellsItself = (prototype: object | null): boolean => prototype !== null && 'toJSON' in prototype

const PRIVATE = 'whose private fields would not arrive'

const privateFieldsOf = (prototype: object | null, tag: string): Look =>
  lost({ why: `is ${nameOf(prototype, tag)}, ${PRIVATE}` })

const lost = (loss: Loss): Look => ({ kind: 'lost', loss })

function nameOf(prototype: object | null, tag: string): string {
  const type: unknown = prototype?.constructor
  const name = typeof type === 'function' && type.name !== '' ? type.name : tag
  return name === 'Object'
    ? 'an instance of a class without a name'
    : `an instance of ${name.slice(0, innerLimits.shownClassNameChars)}`
}
