import { types } from 'node:util'
import { innerLimits } from '../../runtime/inner-limits.js'
import { nearestWord } from '../../runtime/nearest.js'

export type TaskFunction = (...args: unknown[]) => unknown
type Fields = Readonly<Record<string, unknown>>

/** The task function, or `problem`: the rest of a sentence that begins with the name of the export. */
export type FoundExport = { readonly call: TaskFunction } | { readonly problem: string }

/**
 * Finds the function `name` in what `import()` gave. Node lists the names of a CommonJS module only if it can
 * read them from the source. All of them are in the default export, and so are those of `export default { ...
 * }`. A module that was compiled from TypeScript has a default export within the default export.
 */
export function exportOf(module: Fields, name: string): FoundExport {
  const own = module[name]
  if (typeof own === 'function') return checked(own as TaskFunction, own as TaskFunction)
  for (const holder of defaultsOf(module)) {
    const found = methodOf(holder, name)
    // The function may use `this`: it can be a method of an instance, or call functions of the same object.
    if (found !== undefined) return checked(found, (...args) => found.apply(holder, args))
    if (typeof holder === 'function' && holder.name === name)
      return checked(holder as TaskFunction, holder as TaskFunction)
  }
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

function defaultsOf(module: Fields): object[] {
  const outer = objectOf(module.default) ?? objectOf(module['module.exports'])
  const inner = objectOf((outer as Fields | undefined)?.default)
  return [outer, inner].filter((holder) => holder !== undefined)
}

function objectOf(value: unknown): object | undefined {
  return (typeof value === 'object' && value !== null) || typeof value === 'function' ? value : undefined
}

/** Finds inherited methods too, but none that every object or function has. */
function methodOf(holder: object, name: string): TaskFunction | undefined {
  for (let at: object | null = holder; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (at === Object.prototype || at === Function.prototype) return undefined
    if (!Object.hasOwn(at, name)) continue
    const value = (holder as Fields)[name]
    return typeof value === 'function' ? (value as TaskFunction) : undefined
  }
  return undefined
}

const NAMES_SHOWN = innerLimits.exportsShown

function instead(module: Fields, name: string): string {
  const holders = [module as object, ...defaultsOf(module)]
  const isCall = (holder: object, key: string): boolean => typeof (holder as Fields)[key] === 'function'
  const names = holders.flatMap((holder) => Object.keys(holder).filter((key) => isCall(holder, key)))
  const all = [...new Set(names)]
  if (all.length === 0) return '; the module exports no function'
  const nearest = nearestWord(name, all)
  if (nearest !== undefined) return `; did you mean ${nearest}?`
  const more = all.length > NAMES_SHOWN ? ' and others' : ''
  return `; there are ${all.slice(0, NAMES_SHOWN).join(', ')}${more}`
}
