/** Ends the process as an uncaught exception does. It is for errors that nothing handles. */
export function throwUncaught(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

/** Runs a hook of the host. An exception in it is the host's defect and must not affect a message. */
export function guarded<A extends unknown[]>(hook: (...args: A) => void): (...args: A) => void {
  return (...args) => {
    try {
      hook(...args)
    } catch (error) {
      throwUncaught(error)
    }
  }
}
