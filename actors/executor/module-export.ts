import { types } from 'node:util'
import { reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { isNativeCode } from '../../runtime/native-code.js'
import { nearestWord } from '../../runtime/nearest.js'

export type TaskFunction = (...args: unknown[]) => unknown
type Fields = Readonly<Record<string, unknown>>

/** The task function, or `problem`: the rest of a sentence that begins with the name of the export. */
export type FoundExport = { readonly call: TaskFunction } | { readonly problem: string }

/**
 * Finds the function `name` in what `import()` gave. Node lists the names of a CommonJS module only if it can
 * read them from the source. All of them are in the default export, and so are those of `export default { ...
 * }`. A module that was compiled from TypeScript has a default export within the default export.
 *
 * A function of an object may use `this`: it can be a method of an instance, or call functions of the same
 * object. The exports of a CommonJS module are such an object, also those whose names Node lists. Those of an
 * ES module are not.
 */
export function exportOf(module: Fields, name: string, isCommonJs = false): FoundExport {
  try {
    return find(module, name, isCommonJs)
  } catch (error) {
    return { problem: `cannot be read: ${reasonOf(error)}` }
  }
}

/** Throws what the getters and Proxies of the module throw. */
function find(module: Fields, name: string, isCommonJs: boolean): FoundExport {
  const own = module[name]
  const isOwn = typeof own === 'function'
  if (isOwn && !(isCommonJs && name !== 'default')) return checked(own as TaskFunction, own as TaskFunction)
  for (const holder of holdersOf(module)) {
    const found = methodOf(holder, name)
    if (found !== undefined) return checked(found, (...args) => Reflect.apply(found, holder, args))
    if (typeof holder === 'function' && holder.name === name)
      return checked(holder as TaskFunction, holder as TaskFunction)
  }
  if (isOwn) return checked(own as TaskFunction, own as TaskFunction)
  if (own !== undefined) return { problem: `is ${own === null ? 'null' : `a ${typeof own}`}` }
  return { problem: `does not exist${instead(module, name)}` }
}

/**
 * True for a module namespace. A module that exports `then` fails this, because `import()` takes it for a
 * promise.
 */
export const isModule = (value: unknown): value is Fields => types.isModuleNamespaceObject(value)

function checked(found: TaskFunction, call: TaskFunction): FoundExport {
  const isClass = /^class\b/.test(Function.prototype.toString.call(found))
  return isClass ? { problem: 'is a class, which cannot be called' } : { call }
}

/** The second one is only asked for if the first has no such function: a Proxy may throw for any name. */
function* holdersOf(module: Fields): Generator<object, void, undefined> {
  const outer = objectOf(module.default) ?? objectOf(module['module.exports'])
  if (outer === undefined) return
  yield outer
  const inner = objectOf(fieldOf(outer, 'default'))
  if (inner !== undefined) yield inner
}

function objectOf(value: unknown): object | undefined {
  return (typeof value === 'object' && value !== null) || typeof value === 'function' ? value : undefined
}

/** Whatever `holder.name` gives: its own, an inherited one, that of a getter or of a Proxy. */
function methodOf(holder: object, name: string): TaskFunction | undefined {
  if (isCommon(name) && !isMeant(holder, name)) return undefined
  const value = (holder as Fields)[name]
  return typeof value === 'function' ? (value as TaskFunction) : undefined
}

/** Every object or function has such a name, and nobody means a task by it. */
const isCommon = (name: string): boolean =>
  Object.hasOwn(Object.prototype, name) || Object.hasOwn(Function.prototype, name)

/**
 * True: the object itself has this name, or a class of the program declares it. A Proxy that only answers
 * does not have it.
 */
function isMeant(holder: object, name: string): boolean {
  for (let at: object | null = holder; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const found = Object.getOwnPropertyDescriptor(at, name)
    if (found === undefined) continue
    return at === holder || (name !== 'constructor' && !isNativeCode(found.value ?? found.get))
  }
  return false
}

const NAMES_SHOWN = innerLimits.exportsShown

function instead(module: Fields, name: string): string {
  const all = [...new Set([module, ...holdersOf(module)].flatMap(namesOf))]
  if (all.length === 0) return '; the module exports no function'
  const nearest = nearestWord(name, all)
  if (nearest !== undefined) return `; did you mean ${nearest}?`
  const more = all.length > NAMES_SHOWN ? ' and others' : ''
  return `; there are ${all.slice(0, NAMES_SHOWN).join(', ')}${more}`
}

/** Node's own name for what a CommonJS module exports, and a name on every prototype. */
const NEVER_MEANT = ['module.exports', 'constructor']

/** The names of its functions, without those that it has from the engine. */
function namesOf(holder: object): string[] {
  const names: string[] = []
  for (let at: object | null = holder; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    for (const name of Object.getOwnPropertyNames(at)) {
      const isNamed = !NEVER_MEANT.includes(name) && !(isCommon(name) && !isMeant(holder, name))
      const value = isNamed ? fieldOf(holder, name) : undefined
      if (typeof value === 'function' && (at === holder || !isNativeCode(value))) names.push(name)
    }
  }
  return names
}

/** Undefined if its getter, or its Proxy, throws. */
function fieldOf(holder: object, name: string): unknown {
  try {
    return (holder as Fields)[name]
  } catch {
    return undefined
  }
}
