/** Ends the process as an uncaught exception does: for what nobody took charge of. */
export function throwUncaught(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

/** Runs a hook of the host; what it throws is the host's defect, and no message suffers from it. */
export function guarded<A extends unknown[]>(hook: (...args: A) => void): (...args: A) => void {
  return (...args) => {
    try {
      hook(...args)
    } catch (error) {
      throwUncaught(error)
    }
  }
}
