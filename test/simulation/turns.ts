const ofNode = globalThis.setImmediate

/**
 * While a history runs nobody waits for sockets or files: a turn of the loop is one of the promise queue, for a fraction of what a
 * look at the kernel costs. Undo it with what this returns.
 */
export function withoutLoop(): () => void {
  const later = (run: (...args: unknown[]) => void, ...args: unknown[]): NodeJS.Immediate => {
    process.nextTick(run, ...args)
    return undefined as unknown as NodeJS.Immediate
  }
  globalThis.setImmediate = later as typeof setImmediate
  return () => {
    globalThis.setImmediate = ofNode
  }
}
