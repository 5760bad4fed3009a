import { isNativeCode } from '../../runtime/native-code.js'

/*
 * Which instances belong to the platform, such as a Response or an AbortSignal. They keep what they are under
 * symbols, so only the fields that somebody has set on them would arrive. V8 itself refuses those that the
 * engine holds, such as a NumberFormat.
 */

/** True: a class of the platform, or one that extends such a class, made the object. */
export function isPlatformObject(prototype: object | null, tag: string): boolean {
  // A package with a Response of its own gives it the tag of the platform's, as the standards demand.
  if (tag !== 'Object' && platformClass(tag) !== undefined) return true
  for (let at = prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const type: unknown = Object.getOwnPropertyDescriptor(at, 'constructor')?.value
    if (typeof type === 'function' && platformClass(type.name) === type) return true
  }
  return false
}

/**
 * The platform hides its classes from enumeration. What a program puts beside them is not hidden. Those that
 * are native, such as Object, hold nothing unless V8 knows of it.
 */
function platformClass(name: string): unknown {
  const found = Object.getOwnPropertyDescriptor(globalThis, name)
  if (found === undefined || found.enumerable) return undefined
  const value: unknown = found.get === undefined ? found.value : found.get.call(globalThis)
  return typeof value === 'function' && !isNativeCode(value) ? value : undefined
}
