const real = globalThis.Atomics

let onTouch: () => void = () => {}

const touched =
  <Args extends unknown[], Result>(operation: (...args: Args) => Result) =>
  (...args: Args): Result => {
    const result = operation(...args)
    onTouch()
    return result
  }

/**
 * From now on `touch` is called after each operation on shared memory, in the middle of its caller. The
 * returned function undoes this.
 */
export function hookAtomics(touch: () => void): () => void {
  onTouch = touch
  const { load, store, exchange, compareExchange, notify } = real
  globalThis.Atomics = {
    ...Object.fromEntries(Object.getOwnPropertyNames(real).map((name) => [name, Reflect.get(real, name)])),
    load: touched(load as (...args: unknown[]) => unknown),
    store: touched(store as (...args: unknown[]) => unknown),
    exchange: touched(exchange as (...args: unknown[]) => unknown),
    compareExchange: touched(compareExchange as (...args: unknown[]) => unknown),
    notify: touched(notify as (...args: unknown[]) => unknown),
  } as unknown as Atomics
  return () => {
    globalThis.Atomics = real
  }
}
