/** True: the engine made this function, such as `toString` of objects or the class Object, and no program. */
export const isNativeCode = (value: unknown): boolean =>
  typeof value === 'function' && /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(value))
