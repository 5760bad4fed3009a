import { reasonOf } from '../../errors.js'
import { defectError } from '../../system-error.js'

export interface UncaughtWatch {
  /** Rejects at the first exception that nothing handled. Never resolves. */
  readonly failed: Promise<never>
  close(): void
}

/**
 * Handles uncaught exceptions and rejected promises. Node would end the process at once, before the log is
 * written and before the launcher knows why. The caller must end the process once this rejects.
 */
export function watchUncaught(): UncaughtWatch {
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  const onUncaught = (cause: unknown, origin: string): void =>
    fail(defectError(`nobody handled an exception (${origin}): ${reasonOf(cause)}`, cause))
  process.on('uncaughtException', onUncaught)
  return { failed, close: () => process.off('uncaughtException', onUncaught) }
}
