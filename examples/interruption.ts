/** The exit code of a program that was interrupted. */
export const INTERRUPTED_EXIT = 130

/**
 * Ctrl-C or SIGTERM aborts it. A second signal ends this process at once, and with it its embedded cluster.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort(new Error(`interrupted by ${signal}`)))
  }
  return controller.signal
}
